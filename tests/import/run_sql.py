"""Runs SQL from standard input on a SQLite file, with the SQLite of the system."""

import sqlite3
import sys

connection = sqlite3.connect(sys.argv[1])
connection.executescript(sys.stdin.read())
connection.close()

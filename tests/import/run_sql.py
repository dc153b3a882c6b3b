"""Runs the SQL of the standard input on a SQLite file, with the system's SQLite."""

import sqlite3
import sys

connection = sqlite3.connect(sys.argv[1])
connection.executescript(sys.stdin.read())
connection.close()

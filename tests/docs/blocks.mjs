// The fenced code blocks of a document.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** Blocks in order, each with its file, line, language and text. Blocks in lists are indented; the text is not. */
export function blocksOf(file) {
  const lines = readFileSync(join(ROOT, file), "utf8").split("\n");
  const blocks = [];
  for (let number = 0; number < lines.length; number++) {
    const fence = /^( *)```(\w*)$/.exec(lines[number]);
    if (!fence) continue;
    const [, indent, language] = fence;
    const first = number + 1;
    do number++;
    while (number < lines.length && lines[number] !== `${indent}\`\`\``);
    const text = lines.slice(first, number).map((line) => line.replace(indent, ""));
    blocks.push({ file, line: first, language, text: `${text.join("\n")}\n` });
  }
  return blocks;
}

/** The blocks of a file in one of the languages. Errors: there is none, so a check would check nothing. */
export function blocksIn(file, ...languages) {
  const blocks = blocksOf(file).filter(({ language }) => languages.includes(language));
  if (blocks.length === 0) throw new Error(`${file} has no block in ${languages.join(", ")}`);
  return blocks;
}

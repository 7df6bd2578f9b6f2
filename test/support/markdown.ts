/** Code blocks of the documentation. */

export interface CodeBlock {
  /** The first word after the fence. */
  readonly language: string;
  /** What follows it: `run`, `output`, `file=score.py`. */
  readonly marks: readonly string[];
  readonly text: string;
  /** Of its first line, from 1. */
  readonly line: number;
}

export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { info: string; line: number; text: string[] } | undefined;
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) open?.text.push(line);
    else if (open === undefined) open = { info: fence[1] as string, line: index + 2, text: [] };
    else {
      const [language = '', ...marks] = open.info.trim().split(/\s+/);
      blocks.push({ language, marks, text: `${open.text.join('\n')}\n`, line: open.line });
      open = undefined;
    }
  }
  return blocks;
}

/** Of `file=score.py` the name. */
export const fileMark = ({ marks }: CodeBlock): string | undefined => marks.find((mark) => mark.startsWith('file='))?.slice('file='.length);

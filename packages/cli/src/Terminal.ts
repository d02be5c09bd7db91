/** Text for a person at a terminal: styles where it is one, and lines that fit it. */
const isPlain = () => !process.stdout.isTTY || (process.env.NO_COLOR ?? "") !== ""

const styled = (code: number) => (text: string) => (isPlain() ? text : `\u001b[${code}m${text}\u001b[0m`)
export const bold = styled(1)
export const dim = styled(2)
export const underlined = styled(4)
export const red = styled(31)
export const green = styled(32)
export const yellow = styled(33)

const width = 80

/** The words of a text in lines of at most 80 characters, the indent included; a word that is longer stays whole. */
export const wrapped = (text: string, indent: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const word of text.split(" ")) {
    const last = lines.at(-1)
    if (last !== undefined && indent + last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`
    } else {
      lines.push(word)
    }
  }
  return lines
}

/** Wrapped, each line styled and indented, the first one after what leads it. */
export const paragraph = (
  text: string,
  { indent, lead = "", style = (line) => line }: { indent: number; lead?: string; style?: (line: string) => string }
): ReadonlyArray<string> =>
  wrapped(text, indent).map((line, at) => (at === 0 && lead !== "" ? lead : " ".repeat(indent)) + style(line))

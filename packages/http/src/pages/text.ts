/** Text that somebody else chose, made fit to stand on a page where a person decides. */

/** Bidirectional controls, zero-width characters, tags, private use: they change what is read without being seen. */
const invisible = /[\p{Cf}\p{Co}\p{Cn}\p{Cs}]/gu
const breaks = /[\p{Cc}\p{Z}]+/gu
/** Marks piled on one letter reach over the lines above. */
const piledMarks = /(\p{M}{2})\p{M}+/gu

/** One line of at most `length` characters, without characters that could reorder or hide what stands around it. */
export const plainText = (text: string, length = 60): string => {
  const line = text
    .slice(0, length * 8)
    .replace(breaks, " ")
    .replace(invisible, "")
    .replace(piledMarks, "$1")
    .trim()
  const characters = Array.from(line)
  return characters.length <= length
    ? line
    : `${characters
        .slice(0, length - 1)
        .join("")
        .trimEnd()}…`
}

/** An https URL that may be linked to, or undefined. */
export const httpsUrl = (text: string | undefined): string | undefined =>
  text !== undefined && text.length <= 2000 && URL.canParse(text) && new URL(text).protocol === "https:"
    ? new URL(text).href
    : undefined

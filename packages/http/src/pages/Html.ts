/** An escaping `html` template: effect/http's own templates interpolate text as it is. */
const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" }
export const escape = (text: string): string => text.replace(/[&<>"']/g, (char) => escapes[char]!)

/** Text that is markup already. Made by `html`; made by hand only from constants. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
  toString(): string {
    return this.text
  }
}

export type Child = Html | string | number | boolean | null | undefined | ReadonlyArray<Child>

const render = (child: Child): string => {
  if (child instanceof Html) return child.text
  if (Array.isArray(child)) return child.map(render).join("")
  if (child === null || child === undefined || child === false || child === true) return ""
  return escape(String(child))
}

/** Attributes must be quoted: what is escaped is right between quotes and between tags, nowhere else. */
export const html = (strings: TemplateStringsArray, ...children: ReadonlyArray<Child>): Html =>
  new Html(strings.reduce((text, string, i) => text + render(children[i - 1]) + string))

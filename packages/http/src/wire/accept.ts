/** Which of two media types a request would rather have, RFC 9110 §12.5.1. */

/** The weight of a media range, 0 to 1; 1 when it states none, 0 when it states nonsense. */
const weight = (parameters: ReadonlyArray<string>): number => {
  const stated = parameters.map((one) => one.trim()).find((one) => /^q\s*=/i.test(one))
  if (stated === undefined) return 1
  const q = /^q=([01](?:\.\d{0,3})?)$/i.exec(stated)?.[1]
  return q === undefined ? 0 : Math.min(Number(q), 1)
}

/** The weight that the header gives to the type: that of the most specific range that covers it. */
const weightOf = (ranges: ReadonlyMap<string, number>, type: string): number =>
  ranges.get(type) ?? ranges.get(`${type.slice(0, type.indexOf("/"))}/*`) ?? ranges.get("*/*") ?? 0

/** Whether `type` is asked for by name, and no less than `ordinary`, which whoever states nothing gets. */
export const prefers = (accept: string | undefined, type: string, ordinary: string): boolean => {
  const ranges = new Map<string, number>()
  for (const range of (accept ?? "").split(",")) {
    const [name, ...parameters] = range.split(";")
    ranges.set(name!.trim().toLowerCase(), weight(parameters))
  }
  const asked = ranges.get(type) ?? 0
  return asked > 0 && asked >= weightOf(ranges, ordinary)
}

/** Valid requests, and what a seed makes of them. */
import { authorization, basic, redirectUri, verifier } from "../flow.ts"
import { bytesOf, type RawRequest } from "../raw.ts"
import { headerNames, methods, names, paths, strange } from "./words.ts"

/** mulberry32: small, and the same everywhere. */
export const generator = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Pair = readonly [name: string, value: string]

/** A request with its parameters apart, so that mutations can reach them. */
interface Draft {
  method: string
  path: string
  query: Array<Pair>
  headers: Array<Pair>
  body: Array<Pair> | undefined
}

/** Live values, so that mutations start from requests that succeed. */
export interface Pool {
  readonly codes: ReadonlyArray<string>
  readonly accessTokens: ReadonlyArray<string>
  readonly refreshTokens: ReadonlyArray<string>
  readonly idTokens: ReadonlyArray<string>
  readonly requestUris: ReadonlyArray<string>
  readonly interactions: ReadonlyArray<{ readonly path: string; readonly csrf: string }>
  readonly cookie: string
}

/** Requests and mutations, chosen by one sequence of random numbers. */
export const fuzzer = (random: () => number, pool: Pool, host: string) => {
  const upTo = (limit: number) => Math.floor(random() * limit)
  const pick = <A>(values: ReadonlyArray<A>): A => values[upTo(values.length)]!
  const form: Pair = ["Content-Type", "application/x-www-form-urlencoded"]
  const basicOf = (clientId: string): Pair => ["Authorization", basic(clientId)["authorization"]!]
  const live = () => pick([...pool.accessTokens, ...pool.refreshTokens, ...pool.idTokens])

  const valid: ReadonlyArray<() => Draft> = [
    () => ({
      method: "GET",
      path: "/authorize",
      query: [...authorization("first")],
      headers: random() < 0.5 ? [["Cookie", pool.cookie]] : [],
      body: undefined
    }),
    () => ({
      method: "POST",
      path: "/authorize",
      query: [],
      headers: [form],
      body: [...authorization("basic"), ["id_token_hint", pick(pool.idTokens)]]
    }),
    () => ({
      method: "POST",
      path: "/token",
      query: [],
      headers: [form, basicOf("first")],
      body: [
        ["grant_type", "authorization_code"],
        ["code", pick(pool.codes)],
        ["redirect_uri", redirectUri],
        ["code_verifier", verifier]
      ]
    }),
    () => ({
      method: "POST",
      path: "/token",
      query: [],
      headers: [form, basicOf("first")],
      body: [
        ["grant_type", "refresh_token"],
        ["refresh_token", pick(pool.refreshTokens)],
        ["scope", "openid profile"]
      ]
    }),
    () => ({
      method: "POST",
      path: "/revoke",
      query: [],
      headers: [form, basicOf("first")],
      body: [["token", live()]]
    }),
    () => ({
      method: "POST",
      path: "/introspect",
      query: [],
      headers: [form, basicOf("gateway")],
      body: [["token", live()]]
    }),
    () => ({
      method: "POST",
      path: "/par",
      query: [],
      headers: [form, basicOf("first"), ...(random() < 0.2 ? [["DPoP", pick(pool.idTokens)] as Pair] : [])],
      body: [...authorization("first")]
    }),
    () => ({
      method: "GET",
      path: "/authorize",
      query: [
        ["client_id", "first"],
        ["request_uri", pick(pool.requestUris)]
      ],
      headers: random() < 0.5 ? [["Cookie", pool.cookie]] : [],
      body: undefined
    }),
    () => ({
      method: "GET",
      path: "/userinfo",
      query: [],
      headers: [["Authorization", `Bearer ${pick(pool.accessTokens)}`]],
      body: undefined
    }),
    () => ({
      method: "POST",
      path: "/userinfo",
      query: [],
      headers: [form],
      body: [["access_token", pick(pool.accessTokens)]]
    }),
    () => ({
      method: "GET",
      path: pick(pool.interactions).path,
      query: [],
      headers: [["Cookie", pool.cookie]],
      body: undefined
    }),
    () => {
      const { csrf, path } = pick(pool.interactions)
      return {
        method: "POST",
        path,
        query: [],
        headers: [form, ["Cookie", pool.cookie]],
        body: [
          ["csrf", csrf],
          ["scope", "openid"],
          ["decision", pick(["approve", "deny"])]
        ]
      }
    },
    () => ({ method: "GET", path: pick(paths.slice(5)), query: [], headers: [], body: undefined })
  ]

  const pairsOf = (draft: Draft): Array<Pair> => draft.body ?? draft.query
  const at = (pairs: ReadonlyArray<Pair>) => upTo(pairs.length)

  const mutations: ReadonlyArray<(draft: Draft) => void> = [
    (draft) => void pairsOf(draft).splice(at(pairsOf(draft)), 1),
    (draft) => {
      const pairs = pairsOf(draft)
      if (pairs.length > 0) pairs.push(pick(pairs))
    },
    (draft) => {
      const pairs = pairsOf(draft)
      const index = at(pairs)
      const [name] = pairs[index] ?? [pick(names)]
      pairs[index] = [name, pick(strange)]
    },
    (draft) => {
      const pairs = pairsOf(draft)
      const index = at(pairs)
      const [, value] = pairs[index] ?? ["", pick(strange)]
      pairs[index] = [pick(names), value]
    },
    (draft) => void pairsOf(draft).push([pick(names), pick(strange)]),
    (draft) => void pairsOf(draft).push([pick(names), live()]),
    (draft) => {
      for (let count = upTo(2_000); count > 0; count--) pairsOf(draft).push([`p${count}`, ""])
    },
    (draft) => void draft.query.push([pick(names), pick(strange)]),
    (draft) => void (draft.method = pick(methods)),
    (draft) => void (draft.path = pick(paths)),
    (draft) => void (draft.path += pick(["/", "%00", "?", "#", ";", "%2f..", "\x80", " x"])),
    (draft) => void draft.headers.splice(at(draft.headers), 1),
    (draft) => void draft.headers.push([pick(headerNames), pick(strange)]),
    (draft) => void draft.headers.push(basicOf(pick(["public", "basic", "nobody", "first"]))),
    (draft) => void (draft.headers = draft.headers.map(([name, value]) => [name, value.slice(0, upTo(value.length))])),
    (draft) => void (draft.body = draft.body === undefined ? [[pick(names), pick(strange)]] : undefined)
  ]

  /** Sometimes encoded as it should be, sometimes as it stands. */
  const encode = (pairs: ReadonlyArray<Pair>, isStrict: boolean) =>
    isStrict
      ? new URLSearchParams(pairs.map(([name, value]) => [name, value])).toString()
      : pairs.map(([name, value]) => `${name}=${value}`).join("&")

  /** A byte that is another one than it was. */
  const flip = (bytes: Buffer) => {
    const index = upTo(bytes.length)
    bytes[index] = bytes[index]! ^ (1 << upTo(8))
  }

  return (): { readonly method: string; readonly bytes: Buffer } => {
    const draft = pick(valid)()
    for (let count = upTo(4); count > 0; count--) pick(mutations)(draft)
    const isStrict = random() < 0.8
    const query = encode(draft.query, isStrict)
    const request: RawRequest = {
      method: draft.method,
      target: query === "" ? draft.path : `${draft.path}?${query}`,
      headers: draft.headers,
      framing: random() < 0.9 ? "content-length" : "chunked",
      ...(draft.body === undefined ? {} : { body: encode(draft.body, isStrict) })
    }
    const bytes = bytesOf(request, host)
    if (random() < 0.15) for (let count = 1 + upTo(3); count > 0; count--) flip(bytes)
    return { method: draft.method, bytes: random() < 0.03 ? bytes.subarray(0, upTo(bytes.length)) : bytes }
  }
}

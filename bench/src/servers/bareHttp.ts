/**
 * The ceilings: `node:http` that repeats recorded answers, alone, with one ES256 signature where a token is made, or
 * with one durable `INSERT … RETURNING` where something is written.
 */
import * as crypto from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Pool } from "pg"
import type { Recorded } from "../load/protocol.ts"
import { options, ready } from "./serving.ts"

const { answers, origin, port, sign, url } = options as {
  readonly port: number
  readonly answers: Recorded
  /** Of the recorded issuer. */
  readonly origin: string
  readonly sign?: boolean
  readonly url?: string
}

const prepared = new Map(
  Object.entries(answers).map(([what, { body, headers, status }]) => {
    const own = Buffer.from(body.replaceAll(origin, `http://localhost:${port}`), "latin1")
    const length: [string, string] = ["content-length", String(own.length)]
    return [what, { status, headers: [...headers, length].flat(), body: own }] as const
  })
)

const { privateKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })
const claims = Buffer.from("x".repeat(300))
const signOnce = () => crypto.sign("sha256", claims, { key: privateKey, dsaEncoding: "ieee-p1363" })

const pool = url === undefined ? undefined : new Pool({ connectionString: url, max: 10 })
await pool?.query(`
  CREATE TABLE IF NOT EXISTS ceiling
    (id text PRIMARY KEY, client_id text NOT NULL, scope text[] NOT NULL, expires_at timestamptz NOT NULL)`)
const insert = () =>
  pool!.query({
    name: "insert",
    text: "INSERT INTO ceiling (id, client_id, scope, expires_at) VALUES ($1, $2, $3, $4) RETURNING id",
    values: [crypto.randomBytes(32).toString("base64url"), "benchmark", ["openid"], new Date()]
  })

const writing = new Set(["/token", "/authorize", "/par"])

/** The parameter by which a request for the same path asks for something else; most have none. */
const kindOf = (body: string) =>
  body.includes("client_assertion=") ? " client_assertion" : body.includes("resource=") ? " resource" : ""

const handle = async (request: IncomingMessage, response: ServerResponse) => {
  const path = request.url!.split("?", 1)[0]
  let body = ""
  if (request.method === "POST") for await (const chunk of request) body += chunk
  const answer = prepared.get(`${request.method} ${path}${path === "/token" ? kindOf(body) : ""}`)
  if (answer === undefined) return void response.writeHead(404).end()
  if (sign && path === "/token") signOnce()
  if (pool !== undefined && writing.has(path!)) await insert()
  response.writeHead(answer.status, answer.headers).end(answer.body)
}

createServer({ keepAliveTimeout: 60_000 }, (request, response) => void handle(request, response)).listen(
  port,
  "127.0.0.1",
  ready
)

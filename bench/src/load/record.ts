/** One answer of each kind from a running contender, for the ceilings to repeat byte by byte. */
import { authorizationParameters, Browser, exchangeBody, machineBody } from "./Browser.ts"
import { type Answer, Connection } from "./Connection.ts"
import { KeyClient } from "./KeyClient.ts"
import { basic, client, discover, get, pathOf, post, type Target } from "./Target.ts"
import type { Recorded, RecordedAnswer } from "./protocol.ts"

/** Node writes these itself. */
const own = /^(date|connection|keep-alive|transfer-encoding|content-length)$/i

const toRecorded = (answer: Answer): RecordedAnswer => ({
  status: answer.status,
  headers: answer.head
    .split("\r\n")
    .slice(1)
    .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()] as const)
    .filter(([name]) => !own.test(name)),
  body: answer.body
})

export const record = async (target: Target): Promise<Recorded> => {
  const metadata = await discover(target)
  const connection = await Connection.open(target.port)
  const browser = new Browser(target, metadata, connection)
  const { port } = target
  const authorization = `authorization: ${basic}\r\n`
  const tokens = await browser.offlineTokens()
  const code = await browser.authorize(client.offlineScope, target.offlinePrompt)
  const paths = {
    token: pathOf(metadata.token_endpoint),
    introspection: pathOf(metadata.introspection_endpoint),
    userinfo: pathOf(metadata.userinfo_endpoint),
    jwks: pathOf(metadata.jwks_uri),
    authorize: pathOf(metadata.authorization_endpoint),
    par: pathOf(metadata.pushed_authorization_request_endpoint)
  }
  const asked: ReadonlyArray<readonly [what: string, request: string]> = [
    ["GET /.well-known/openid-configuration", get(port, "/.well-known/openid-configuration")],
    [`GET ${paths.jwks}`, get(port, paths.jwks)],
    [`POST ${paths.introspection}`, post(port, paths.introspection, `token=${tokens.access_token}`, authorization)],
    [`GET ${paths.authorize}`, browser.silentRequest()],
    [`GET ${paths.userinfo}`, get(port, paths.userinfo, `authorization: Bearer ${tokens.access_token}\r\n`)],
    [`POST ${paths.token}`, post(port, paths.token, exchangeBody(code), authorization)],
    [`POST ${paths.token} resource`, post(port, paths.token, machineBody, authorization)],
    [`POST ${paths.par}`, post(port, paths.par, authorizationParameters(client.clientId, client.scope), authorization)]
  ]
  const answers: Record<string, RecordedAnswer> = {}
  for (const [what, request] of asked) answers[what] = toRecorded(await connection.send(request))
  answers[`POST ${paths.token} client_assertion`] = toRecorded(
    await new KeyClient(target, metadata, connection).begin()
  )
  connection.close()
  return answers
}

/** RFC 6749 §4.4: what a machine asks for, over and over; an opaque token, or a JWT for one API. */
import { Browser, claimsOf, machineBody, tokensOf } from "../load/Browser.ts"
import { api, basic, expect, pathOf, post } from "../load/Target.ts"
import { connections, type Workload } from "./Workload.ts"

const asking = (body: string, check: (accessToken: string) => void): Workload["prepare"] => {
  return async (target, metadata, open) => {
    const path = pathOf(metadata.token_endpoint)
    const request = post(target.port, path, body, `authorization: ${basic}\r\n`)
    return open.map((connection) => {
      let before = ""
      return async () => {
        const answer = await connection.send(request)
        const { access_token } = tokensOf(answer)
        check(access_token)
        expect(target.repeats || access_token !== before, () => "the same token was issued twice")
        before = access_token
      }
    })
  }
}

export const clientCredentials: Workload = {
  name: "client-credentials",
  title: "Client credentials, opaque token",
  connections,
  prepare: asking("grant_type=client_credentials", (token) =>
    expect(!token.includes("."), () => `the token is not opaque: ${token}`)
  )
}

const prepareJwt = asking(machineBody, (token) => {
  const audience = claimsOf(token)["aud"]
  expect(
    audience === api.identifier || String(audience) === api.identifier,
    () => `the audience is ${String(audience)}`
  )
})

export const clientCredentialsJwt: Workload = {
  name: "client-credentials-jwt",
  title: "Client credentials, ES256 JWT",
  connections,
  prepare: async (target, metadata, open) => {
    const request = post(target.port, pathOf(metadata.token_endpoint), machineBody, `authorization: ${basic}\r\n`)
    const { access_token } = tokensOf(await open[0]!.send(request))
    if (!target.repeats) await new Browser(target, metadata, open[0]!).verify(access_token)
    return prepareJwt(target, metadata, open)
  }
}

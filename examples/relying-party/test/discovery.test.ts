import { assert, it } from "@effect/vitest"
import { HttpRouter } from "effect/http"
import { RelyingParty } from "../src/index.ts"

const issuer = "http://localhost:3000"

const metadata = {
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  response_types_supported: ["code"]
}

/** The relying party before an issuer whose discovery document is what `answer` says, in turn. */
const serve = (...answers: ReadonlyArray<() => Response>) => {
  const asked: Array<string> = []
  const web = HttpRouter.toWebHandler(
    RelyingParty.layer({
      issuer,
      baseUrl: `${issuer}/demo`,
      fetch: async (url) => {
        asked.push(new Request(url).url)
        return answers[Math.min(asked.length, answers.length) - 1]!()
      }
    }),
    { disableLogger: true }
  )
  return { asked, visit: (path: string) => web.handler(new Request(`${issuer}${path}`)), dispose: web.dispose }
}

const away = () => {
  throw new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 127.0.0.1:3000") })
}

it("OpenID Connect Discovery §4: the issuer is discovered when it is first needed, and once", async () => {
  const { asked, dispose, visit } = serve(() => Response.json(metadata))
  assert.strictEqual((await visit("/demo")).status, 200)
  assert.deepEqual(asked, [])
  for (let time = 0; time < 2; time++) {
    const response = await visit("/demo/sign-in")
    assert.strictEqual(response.status, 303)
    assert.match(response.headers.get("location") ?? "", /^http:\/\/localhost:3000\/authorize\?/)
  }
  assert.deepEqual(asked, [`${issuer}/.well-known/openid-configuration`])
  await dispose()
})

it("an issuer that is away is said in words, and asked again the next time", async () => {
  const { dispose, visit } = serve(away, () => Response.json(metadata))
  const failed = await visit("/demo/sign-in")
  assert.strictEqual(failed.status, 400)
  assert.include(await failed.text(), "connect ECONNREFUSED")
  assert.strictEqual((await visit("/demo/sign-in")).status, 303)
  await dispose()
})

it("OpenID Connect Discovery §4.3: a document of another issuer is refused", async () => {
  const { dispose, visit } = serve(() => Response.json({ ...metadata, issuer: "http://localhost:4000" }))
  const response = await visit("/demo/sign-in")
  assert.strictEqual(response.status, 400)
  assert.include(await response.text(), "issuer does not match")
  await dispose()
})

it("RFC 6749 §4.1.1, RFC 7636 §4.3: every request has a state, a nonce and an S256 challenge of its own", async () => {
  const { dispose, visit } = serve(() => Response.json(metadata))
  const requests = await Promise.all(
    ["", "?prompt=login&max_age=60&response_mode=form_post"].map(async (query) => {
      const response = await visit(`/demo/sign-in${query}`)
      return new URL(response.headers.get("location") ?? "").searchParams
    })
  )
  for (const name of ["state", "nonce", "code_challenge"]) {
    const values = requests.map((request) => request.get(name) ?? "")
    assert.isAtLeast(values[0]!.length, 43)
    assert.strictEqual(new Set(values).size, 2)
  }
  assert.strictEqual(requests[0]!.get("code_challenge_method"), "S256")
  assert.strictEqual(requests[0]!.get("redirect_uri"), `${issuer}/demo/callback`)
  assert.isFalse(requests[0]!.has("prompt"))
  assert.strictEqual(requests[1]!.get("prompt"), "login")
  assert.strictEqual(requests[1]!.get("max_age"), "60")
  assert.strictEqual(requests[1]!.get("response_mode"), "form_post")
  await dispose()
})

import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { normalForm } from "../../src/resource/Resource.ts"

describe("resource identifiers", () => {
  it("RFC 3986 §6.2: spellings of one identifier have one normal form", () => {
    const spellings: ReadonlyArray<ReadonlyArray<string>> = [
      ["https://api.example", "https://api.example/", "HTTPS://API.example:443", "https://api.example/."],
      [
        "https://api.example/v1",
        "https://api.example/x/../v1",
        "https://api.example/%76%31",
        "https://api.example:443/./v1"
      ],
      ["https://api.example/%C3%A9", "https://api.example/%c3%a9"],
      ["http://api.example", "http://api.example:80/"],
      ["urn:example:api", "URN:example:api"]
    ]
    const forms = spellings.map((group) => [...new Set(group.map(normalForm))])
    for (const form of forms) assert.strictEqual(form.length, 1, form.join(" "))
    assert.strictEqual(new Set(forms.flat()).size, forms.length)
  })

  it("RFC 3986 §6.2.2: what differs in more than spelling stays different", () => {
    const different = [
      "https://api.example",
      "http://api.example",
      "https://api.example:8443",
      "https://api.example/v1",
      "https://api.example/v1/",
      "https://api.example/V1",
      "https://api.example/v1?x=1",
      "https://api.example?",
      "https://api.example/a%2Fb",
      "https://api.example/a/b",
      "urn:example:API"
    ]
    assert.strictEqual(new Set(different.map(normalForm)).size, different.length)
  })

  it("RFC 8707 §2: relative, with a fragment, with credentials or with unsafe characters is no identifier", () => {
    for (const text of [
      "",
      "api",
      "/api",
      "//api.example",
      "https://api.example#x",
      "https://api.example#",
      "https://me:pw@api.example",
      "https://me@api.example",
      "https://api example",
      "https://api.example/é",
      "https://",
      "https://api.example/\n"
    ]) {
      assert.isUndefined(normalForm(text), text)
    }
  })

  it.prop("the normal form of a normal form is itself", [Schema.String], ([text]) => {
    for (const one of [text, `https://api.example/${text}`, `https://${text}`, `urn:${text}`]) {
      const normal = normalForm(one)
      if (normal !== undefined) assert.strictEqual(normalForm(normal), normal)
    }
  })
})

/** Model Context Protocol, Authorization: what it asks of an authorization server beyond OAuth 2.1. */
import { isLoopback } from "../issuer/Issuer.ts"
import { withPkce } from "./fapi2.ts"
import type { Registration } from "./Registration.ts"
import type { Rules } from "./Rule.ts"

const isSafe = (client: Registration, uri: string): boolean => {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  if (url === undefined) return false
  if (url.protocol === "https:") return true
  return url.protocol === "http:" ? isLoopback(url.hostname) : client.applicationType === "native"
}

export const mcp: Rules = [
  {
    id: "mcp-pkce",
    section: "MCP Authorization, Authorization Code Protection",
    demands: "PKCE with S256",
    restricts: { codeChallenge: true },
    client: withPkce
  },
  {
    id: "mcp-resource",
    section: "MCP Authorization, Resource Parameter Implementation",
    demands: "resource in every authorization request, so that tokens are for one server",
    restricts: { resource: true }
  },
  {
    id: "mcp-redirect-uri",
    section: "MCP Authorization, Communication Security",
    demands: "redirect URIs that are https or on loopback",
    restricts: {},
    client: (client) => {
      const unsafe = client.redirectUris.filter((uri) => !isSafe(client, uri))
      return unsafe.length === 0
        ? undefined
        : { problem: `a redirect URI is neither https nor on loopback: ${unsafe.join(", ")}`, fix: "register another" }
    }
  }
]

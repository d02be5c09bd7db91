/**
 * How a client is shown to a person. Its name is its own claim; what identifies it is where the browser will be sent
 * (RFC 9700 §4.1: the redirect URI is what was checked).
 */
import { Client } from "@lockspire/core"
import { type Child, html } from "./Html.ts"
import { httpsUrl, plainText } from "./text.ts"

/** The name it gave itself, else its id. `<bdi>` keeps a right-to-left name from reordering the sentence. */
export const clientName = (client: { readonly clientId: string; readonly name: string | undefined }) => {
  const named = plainText(client.name ?? "")
  return html`<bdi>${named === "" ? plainText(client.clientId) : named}</bdi>`
}

/** The place that a redirect URI leads to: a host, or for a native application the application itself. */
export const redirectPlace = (redirectUri: string): string => {
  if (!URL.canParse(redirectUri)) return plainText(redirectUri)
  const url = new URL(redirectUri)
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return `an app on this device (${plainText(url.protocol.slice(0, -1), 80)})`
  }
  const isLoopback = /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname)
  return isLoopback ? `this computer (${url.host})` : url.host
}

/** Its own pages about itself, https only. */
export const clientLinks = (client: Client.Client): ReadonlyArray<Child> => {
  const links: ReadonlyArray<readonly [field: string, text: string]> = [
    ["client_uri", "About this app"],
    ["policy_uri", "Privacy policy"],
    ["tos_uri", "Terms of service"]
  ]
  return links.flatMap(([field, text]) => {
    const url = httpsUrl(Client.textMetadata(client, field))
    return url === undefined ? [] : [html`<a href="${url}" target="_blank" rel="noopener noreferrer">${text}</a> `]
  })
}

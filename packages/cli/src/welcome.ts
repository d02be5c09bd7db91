/** What `lockspire dev` says when it is ready. */
import * as Demo from "./demo.ts"
import { bold, dim, underlined, yellow } from "./Terminal.ts"

export interface Facts {
  readonly issuer: string
  readonly demoUrl: string
  readonly storage: string
  /** The authority of the certificate that `--tls` made. */
  readonly caFile: string | undefined
  /** Whether this machine knows an address for the issuer's host name. */
  readonly isKnown: boolean
  /** The demo's own accounts: none that the developer's seed speaks about. */
  readonly accounts: ReadonlyArray<{ readonly username: string; readonly password: string }>
  /** The names of the accounts in that seed. */
  readonly seedAccounts: ReadonlyArray<string>
}

/** The first of them; a seed may have thousands. */
const names = (all: ReadonlyArray<string>): string =>
  `${all
    .slice(0, 5)
    .map((name) => bold(name))
    .join(", ")}${all.length > 5 ? ` and ${all.length - 5} more` : ""}`

export const welcome = ({ accounts, caFile, demoUrl, isKnown, issuer, seedAccounts, storage }: Facts): string => {
  const row = (label: string, value: string) => `  ${dim(label.padEnd(13))}${value}`
  const { hostname } = new URL(issuer)
  return [
    "",
    `  ${bold("Lockspire")} is running at ${underlined(issuer)}`,
    "",
    row("Demo", underlined(demoUrl)),
    row("Your apps", underlined(`${issuer}/apps`)),
    row("Discovery", underlined(`${issuer}/.well-known/openid-configuration`)),
    "",
    ...(accounts.length > 0
      ? [
          row(
            "Sign in as",
            accounts.map(({ password, username }) => `${bold(username)} (password ${bold(password)})`).join(", ")
          )
        ]
      : []),
    ...(seedAccounts.length > 0
      ? [row(accounts.length > 0 ? "" : "Sign in as", `${names(seedAccounts)}, of your seed`)]
      : []),
    row("Client", `${bold(Demo.clientId)}, public, redirect URI ${demoUrl}/callback`),
    row("Your own", "lockspire dev --seed my.json (seed.example.json shows how)"),
    row("Storage", storage),
    ...(caFile === undefined ? [] : [row("Trust", caFile), row("", "in NODE_EXTRA_CA_CERTS and in browsers")]),
    ...(isKnown
      ? []
      : [
          row("Hosts file", `${yellow(`${hostname} does not resolve on this machine`)}; a line for it:`),
          row("", `127.0.0.1 ${hostname}`)
        ]),
    "",
    `  ${dim("Ctrl-C stops it.")}`,
    ""
  ].join("\n")
}

/** What `lockspire dev` says when it is ready. */
import * as Demo from "./demo.ts"

export interface Facts {
  readonly issuer: string
  readonly demoUrl: string
  readonly storage: string
  /** The demo's own accounts: none that the developer's seed speaks about. */
  readonly accounts: ReadonlyArray<{ readonly username: string; readonly password: string }>
}

const isPlain = () => !process.stdout.isTTY || (process.env.NO_COLOR ?? "") !== ""

const styled = (code: number) => (text: string) => (isPlain() ? text : `\u001b[${code}m${text}\u001b[0m`)
const bold = styled(1)
const dim = styled(2)
const underlined = styled(4)

export const welcome = ({ accounts, demoUrl, issuer, storage }: Facts): string => {
  const row = (label: string, value: string) => `  ${dim(label.padEnd(13))}${value}`
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
    row("Client", `${bold(Demo.clientId)}, public, redirect URI ${demoUrl}/callback`),
    row("Your own", "lockspire dev --seed my.json (seed.example.json shows how)"),
    row("Storage", storage),
    "",
    `  ${dim("Ctrl-C stops it.")}`,
    ""
  ].join("\n")
}

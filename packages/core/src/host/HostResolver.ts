/** What only the host application knows: who is signed in, how, and what may be said about them. */
import { Context, type Effect, type Option } from "effect"
import type { Claims } from "../oauth/Claims.ts"
import type { Display } from "../oauth/Metadata.ts"
import type { Authentication } from "./Authentication.ts"

/** A browser's request, as far as a host needs it to recognise its own session. */
export interface BrowserRequest {
  readonly cookies: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** Why the browser is sent to the host, and what the client hopes for. */
export interface SignInDemand {
  /**
   * `login`: the person must prove who they are now, however recently they did. `select_account`: let them choose.
   * `create`: let them sign up. `none_signed_in`: nobody is signed in.
   */
  readonly reason: "login" | "select_account" | "create" | "none_signed_in"
  /** Where to send the browser when the person is signed in: an absolute URL below the issuer. */
  readonly returnTo: string
  readonly client: { readonly clientId: string; readonly name: string | undefined }
  /** OpenID Connect Core §3.1.2.1: who will probably sign in. Untrusted text. */
  readonly loginHint: string | undefined
  /** The subject that alone will do (`id_token_hint`, or `sub` in `claims`). */
  readonly subject: string | undefined
  /** Wanted authentication contexts, best first; when `acrEssential` only these will do. */
  readonly acrValues: ReadonlyArray<string>
  readonly acrEssential: boolean
  readonly uiLocales: ReadonlyArray<string>
  readonly display: Display | undefined
}

/** Which claims are wanted of a subject. */
export interface ClaimsQuery {
  readonly subject: string
  readonly scope: ReadonlyArray<string>
  /** Names asked for one by one, beside those of the scope. */
  readonly names: ReadonlyArray<string>
  readonly locales: ReadonlyArray<string>
}

/** The host application's side of the contract. Every method answers from the host's own truth and never fails. */
export class HostResolver extends Context.Service<
  HostResolver,
  {
    /** Who is signed in in this browser, and how. `None` sends it to `signIn`. */
    readonly authentication: (request: BrowserRequest) => Effect.Effect<Option.Option<Authentication>>
    /** The URL (absolute, or a path of this origin) of the page where the demand can be met. */
    readonly signIn: (demand: SignInDemand) => Effect.Effect<string>
    /** What is known about a subject. `None` when the account no longer exists: nothing is issued for it any more. */
    readonly claims: (query: ClaimsQuery) => Effect.Effect<Option.Option<Claims>>
    /** Whether this subject may use this client. Asked at every authorization and every refresh. */
    readonly mayUse: (subject: string, clientId: string) => Effect.Effect<boolean>
    /** False where nobody can sign up by themselves: `prompt=create` is then neither offered nor taken. */
    readonly signsUp?: boolean
  }
>()("@lockspire/core/host/HostResolver") {}

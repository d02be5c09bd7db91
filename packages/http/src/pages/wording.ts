/** What scopes and claims mean, in the words of the person who is asked. */
interface Wording {
  readonly label: string
  readonly hint: string
}

const scopes: Readonly<Record<string, Wording>> = {
  openid: { label: "Know that it is you", hint: "An identifier for your account. Needed to sign in." },
  profile: { label: "See your profile", hint: "Your name, picture and other details you have filled in." },
  email: { label: "See your email address", hint: "And whether it has been verified." },
  address: { label: "See your postal address", hint: "The address in your account." },
  phone: { label: "See your phone number", hint: "And whether it has been verified." },
  offline_access: { label: "Keep access when you are away", hint: "Until you take it back, without asking you again." }
}

const claims: Readonly<Record<string, string>> = {
  sub: "Identifier of your account",
  name: "Full name",
  family_name: "Family name",
  given_name: "Given name",
  middle_name: "Middle name",
  nickname: "Nickname",
  preferred_username: "Username",
  profile: "Profile page",
  picture: "Picture",
  website: "Website",
  gender: "Gender",
  birthdate: "Date of birth",
  zoneinfo: "Time zone",
  locale: "Language",
  updated_at: "When your profile last changed",
  email: "Email address",
  email_verified: "Whether your email address is verified",
  address: "Postal address",
  phone_number: "Phone number",
  phone_number_verified: "Whether your phone number is verified",
  acr: "How strongly you signed in",
  amr: "How you signed in",
  auth_time: "When you signed in"
}

const own = <A>(table: Readonly<Record<string, A>>, name: string): A | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined

/** The words for a standard scope value (OpenID Connect Core §5.4, §11); undefined for a host's own. */
export const scopeWording = (scope: string): Wording | undefined => own(scopes, scope)

/** The words for a standard claim (OpenID Connect Core §5.1); undefined for a host's own. */
export const claimWording = (claim: string): string | undefined => own(claims, claim)

/** Proof Key for Code Exchange, RFC 7636; `S256` only, as RFC 9700 §2.1.1 asks. */

/** RFC 7636 §4.2: BASE64URL of a SHA-256, which is always 43 characters. */
export const isCodeChallenge = (text: string): boolean => /^[A-Za-z0-9_-]{43}$/.test(text)

/** RFC 7636 §4.1: 43 to 128 unreserved characters. */
export const isCodeVerifier = (text: string): boolean => /^[A-Za-z0-9._~-]{43,128}$/.test(text)

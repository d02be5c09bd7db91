/** The browser pages and what hosts need to make pages beside them. */
export { type Child, escape, html, Html } from "./Html.ts"
export { httpsUrl, plainText } from "./text.ts"
export { stylesheet } from "./stylesheet.ts"
export {
  Brand,
  type BrandOptions,
  Page,
  page,
  pageHeaders,
  type PageOptions,
  type Script,
  respond,
  seeOther
} from "./layout.ts"
export { clientName, redirectPlace } from "./clientText.ts"
export { claimWording, scopeWording } from "./wording.ts"
export { ConsentPage, consentPage, type ConsentOptions, personName } from "./consentPage.ts"
export { errorPage, type ErrorPageOptions } from "./errorPage.ts"
export { formPostPage } from "./formPostPage.ts"
export { cookieName, expireCookie, readCookie, readCookies, setCookie } from "./cookies.ts"
export { isSameOrigin } from "./sameOrigin.ts"

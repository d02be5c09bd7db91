/** The policy settings that a profile decides. */
import type { Policy } from "@lockspire/core"

/** A FAPI profile fixes that refresh tokens are never rotated (FAPI 2.0 Security Profile §5.3.2.1 no. 9). */
export const hasRotationToDrop = ({ refreshTokenRotation, securityProfile }: Policy.PolicySettings): boolean =>
  refreshTokenRotation !== undefined && (securityProfile ?? "none").startsWith("fapi_2_0")

/** As they are stored: a rule of rotation that means nothing now would be a surprise when the profile is switched off. */
export const settled = (settings: Policy.PolicySettings): Policy.PolicySettings => {
  if (!hasRotationToDrop(settings)) return settings
  const { refreshTokenRotation: _, ...rest } = settings
  return rest
}

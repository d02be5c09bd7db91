/** Members of a record that are replaced, or taken away where they are undefined. */
export type Changes<A extends object> = { readonly [Name in keyof A]?: A[Name] | undefined }

/** The record with the changes made. */
export const changed = <A extends object>(record: A, changes: Changes<A>): A =>
  Object.fromEntries(Object.entries({ ...record, ...changes }).filter(([, value]) => value !== undefined)) as A

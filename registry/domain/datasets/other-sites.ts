interface Origin { readonly site: string; readonly family: string; readonly sites?: readonly { readonly site: string }[] | undefined }

/**
 * The sites that a dataset has learned from beside the one that asks, for a family that is called the same there: whoever
 * took a model over for a family of another name learns anew from their own machines alone.
 */
export function otherSitesOf({ site: home, family: learned, sites }: Origin, site: string, family: string): string[] {
  return learned !== family ? [] : (sites?.map((each) => each.site) ?? [home]).filter((other) => other !== site)
}

import type { Me } from '../types.ts'

/** Whether lists must say of which site a row is. */
export const coversSeveral = (me: Me): boolean => me.sites === '*' || me.sites.length > 1
export const siteText = (site: string): string => (site === '_fleet' ? 'whole fleet' : site)

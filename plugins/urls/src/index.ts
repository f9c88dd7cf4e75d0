/** Links in a message: tricks in them, and lists of their hosts by DNS. */
export { type UrlFindings, type UrlListing, type UrlSignal, urlFindings, urls } from './urls.ts'

/** The admin interface: an HTTP API over the whole server, and the page that uses it. */
export { admin } from './admin.ts'
export { openApi } from './openapi.ts'

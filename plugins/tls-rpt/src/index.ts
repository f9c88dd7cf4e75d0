/** Reports on TLS, RFC 8460. */
export { tlsRpt } from './tls-rpt.ts'

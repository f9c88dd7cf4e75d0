/** The configuration API of Postroad. What plugin authors need is in `@postroad/plugin`. */
export {
  type App,
  BootError,
  type Config,
  createServer,
  defineConfig,
  guardProcess,
  type ListenOptions,
  type LogOptions,
  PostroadError,
  type Server,
  type Thresholds,
  type UseOptions,
} from '@postroad/core'
export { type Certificate, type CertificateFiles, loadCertificates } from '@postroad/smtp'
export { type LoadedConfig, loadConfig } from './config/load.ts'

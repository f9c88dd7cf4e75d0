/** Viruses in mail, found by ClamAV. */
export { clamav } from './clamav.ts'
export { type VirusScan, virusFact } from './verdict.ts'

/** Eight plugins of Haraka that ask nobody, and their files: the same for Haraka and for Postroad. */

/** In the order of `config/plugins`. Two come with Haraka itself. */
export const EIGHT: readonly string[] = [
  'relay',
  'access',
  'helo.checks',
  'bounce',
  'headers',
  'attachment',
  'record_envelope_addresses',
  'data.signatures',
]

/** A client on loopback is looked at as every other one. */
export const EIGHT_CONFIG: Readonly<Record<string, string>> = {
  'relay.ini': '[relay]\nacl=true\n',
  relay_acl_allow: '192.0.2.0/24\n',
  'helo.checks.ini':
    '[check]\nvalid_hostname=true\nbare_ip=true\ndynamic=true\nforward_dns=false\nrdns_match=false\nhost_mismatch=true\n[skip]\nprivate_ip=false\nrelaying=false\n',
  'headers.ini': '[check]\nfrom_match=true\n[reject]\nmissing_required=false\n',
  'bounce.ini': '[check]\nsingle_recipient=true\n',
  'data.signatures': 'X5O!P%@AP\n',
}

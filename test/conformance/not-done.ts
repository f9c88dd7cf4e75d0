/** What the standards describe and the wire does not do, with the reason; for `docs/rfc.md`. */
export const NOT_DONE: readonly (readonly [citation: string, reason: string])[] = [
  ['RFC 5321 §3.5.2', 'EXPN is 502 unless a plugin answers it: nobody publishes lists any more.'],
  [
    'RFC 5321 §4.1.1.1',
    'the argument of HELO and EHLO is not held against the grammar of a domain: any one word that can be printed is a name, and policy judges it (plugin `helo`).',
  ],
  ['RFC 5321 §3.3', 'spaces between `FROM:` or `TO:` and the path are passed over, though no client may send them.'],
  [
    'RFC 5321 §4.5.3.1.6',
    'text lines may have 65,536 octets instead of 1,000 unless `strictLines` is set: real senders exceed the standard.',
  ],
  ['RFC 1985', 'ETRN is an unknown verb: a plugin may answer it at the hook `unknown`.'],
  ['RFC 2852', 'DELIVERBY is not offered; `BY=` is 555.'],
  ['RFC 3207 §4.1', 'a failed handshake closes the connection: what is left of it cannot be trusted to be SMTP.'],
  ['RFC 3461 §4.2', 'ORCPT of type `utf-8` (RFC 6533) is kept as it came, not decoded.'],
  ['RFC 3865', 'NO-SOLICITING is not offered.'],
  ['RFC 3885', 'MTRK is not offered.'],
  ['RFC 4468', 'BURL is not offered: there is no IMAP server behind it.'],
  ['RFC 4865', 'FUTURERELEASE is not offered; `HOLDFOR=` is 555.'],
  [
    'RFC 4954 §4',
    'no mechanism is offered in the clear, not even those that hide the password, unless `authWithoutTls` is set.',
  ],
  [
    'RFC 5802 §6',
    'SCRAM-SHA-256-PLUS is offered under TLS 1.3 only, with `tls-exporter` (RFC 9266), and not to whom XCLIENT has named: that TLS is not theirs.',
  ],
  ['RFC 6710', 'MT-PRIORITY is not offered.'],
  ['RFC 7293', 'RRVS is not offered.'],
]

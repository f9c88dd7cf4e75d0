/** Our results of SPF, DKIM, ARC and DMARC in the words of rspamd, so that it asks none of it again and counts all of it. */
import type { Arc, Dkim, Dmarc, Spf } from '@postroad/authres'

interface Results {
  readonly spf: Spf | undefined
  readonly dkim: Dkim | undefined
  readonly arc: Arc | undefined
  readonly dmarc: Dmarc | undefined
}

/** Settings that turn off the modules whose result is known, and put the symbol of the result in. */
export function authenticationSettings({ spf, dkim, arc, dmarc }: Results): {
  readonly groups_disabled: readonly string[]
  readonly symbols: readonly string[]
} {
  const known = [
    spf && (['spf', SPF[spf.mailFrom.result]] as const),
    dkim && (['dkim', dkimSymbol(dkim)] as const),
    arc && (['arc', arc.isTemporary ? 'ARC_DNSFAIL' : ARC[arc.result]] as const),
    dmarc && (['dmarc', dmarcSymbol(dmarc)] as const),
  ].filter((one) => one !== undefined)
  return { groups_disabled: known.map(([group]) => group), symbols: known.map(([, symbol]) => symbol) }
}

const SPF: Readonly<Record<Spf['mailFrom']['result'], string>> = {
  none: 'R_SPF_NA',
  neutral: 'R_SPF_NEUTRAL',
  pass: 'R_SPF_ALLOW',
  fail: 'R_SPF_FAIL',
  softfail: 'R_SPF_SOFTFAIL',
  temperror: 'R_SPF_DNSFAIL',
  permerror: 'R_SPF_PERMFAIL',
}

const ARC: Readonly<Record<Arc['result'], string>> = { none: 'ARC_NA', pass: 'ARC_ALLOW', fail: 'ARC_REJECT' }

/** As rspamd, the best of several signatures. */
function dkimSymbol({ signatures }: Dkim): string {
  const results = new Set(signatures.map(({ result }) => result))
  if (results.has('pass')) return 'R_DKIM_ALLOW'
  if (results.has('temperror')) return 'R_DKIM_TEMPFAIL'
  if (results.has('fail') || results.has('policy')) return 'R_DKIM_REJECT'
  return results.has('permerror') || results.has('neutral') ? 'R_DKIM_PERMFAIL' : 'R_DKIM_NA'
}

function dmarcSymbol({ result, policy }: Dmarc): string {
  switch (result) {
    case 'pass':
      return 'DMARC_POLICY_ALLOW'
    case 'none':
      return 'DMARC_NA'
    case 'temperror':
      return 'DMARC_DNSFAIL'
    case 'permerror':
      return 'DMARC_BAD_POLICY'
    case 'fail':
      return policy === 'reject'
        ? 'DMARC_POLICY_REJECT'
        : policy === 'quarantine'
          ? 'DMARC_POLICY_QUARANTINE'
          : 'DMARC_POLICY_SOFTFAIL'
  }
}

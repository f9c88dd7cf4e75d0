/** Made mail with drift, for where the corpus is not: two generators whose words, senders and hosts change from one half to the other. */
import type { Label } from '@postroad/learn'
import { draw } from './figures.ts'

/** A made message with its label. */
export interface Synthetic {
  readonly label: Label
  readonly text: string
}

const JUNK =
  'free money offer click winner prize credit guarantee urgent limited cash bonus deal cheap order discount viagra loan income cure'.split(
    ' ',
  )
const NEW_JUNK =
  'crypto wallet verify suspended parcel refund airdrop token giveaway bitcoin unlock confirm expired invoice'.split(
    ' ',
  )
const WANTED =
  'meeting minutes patch review release bug server kernel thread mailing list weekend train lunch draft budget report question thanks'.split(
    ' ',
  )
const NEW_WANTED =
  'sprint cluster container pipeline rollout ticket retro onboarding standup branch deploy incident'.split(' ')
const COMMON =
  'the a to of and in is it you that for on with this be have are we not as can will at your from or by an if please time more now'.split(
    ' ',
  )

/** `count` messages in the order of time, 40 % of them junk; the second half speaks of other things from other places. */
export function syntheticMail(count: number, seed: number): readonly Synthetic[] {
  const random = draw(seed)
  const of = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!
  return Array.from({ length: count }, (_, i) => {
    const label: Label = random() < 0.4 ? 'junk' : 'wanted'
    const drift = Math.max(0, (2 * i) / count - 1)
    const [old, fresh] = label === 'junk' ? [JUNK, NEW_JUNK] : [WANTED, NEW_WANTED]
    // Some words of the other side, and short messages: what makes mail hard to tell apart.
    const other = label === 'junk' ? WANTED : JUNK
    const word = () => {
      const chance = random()
      if (chance < 0.6) return of(COMMON)
      if (chance < 0.68) return of(other)
      return random() < drift * 0.7 ? of(fresh) : of(old)
    }
    const body = Array.from({ length: 10 + Math.floor(random() * 50) }, word).join(' ')
    const group = Math.floor(drift * 4)
    const host =
      label === 'junk'
        ? `shop${Math.floor(random() * 60) + 60 * group}.example.net`
        : `host${Math.floor(random() * 12) + 4 * group}.example.org`
    const link = random() < (label === 'junk' ? 0.7 : 0.2) ? `\n\nhttp://www.${host}/${word()}\n` : '\n'
    const mailer =
      label === 'junk'
        ? of(['X-Mailer: Bulk 3', 'X-Priority: 1', 'X-Sender: a'])
        : of(['User-Agent: Mutt', 'X-Mailer: Mail 2', 'Precedence: list'])
    return {
      label,
      text: `Received: from ${host} by mx.example.test with SMTP; now\nFrom: ${word()} <${word()}@${host}>\nTo: alice@example.test\nSubject: ${word()} ${word()} ${word()}\n${mailer}\nMessage-ID: <${i}@${host}>\n\n${body}${link}`,
    }
  })
}

/** Listeners of SMTP and LMTP: the server answers the client, and takes responsibility. */
import { createListener, keywordsOn, type ListenerOptions, listenerMistakes, type SmtpListener } from '@postroad/smtp'
import type { ListenSettings } from '../config/listen.ts'
import type { ListenerKind } from './listener-kind.ts'

/** Free octets below which a listener is under stress. */
const SCARCE = 268_435_456

/** Both protocols are one kind: a reload may change which of the two a socket speaks. */
export const mailKind: ListenerKind<ListenSettings> = {
  name: 'mail',
  role: 'mta',
  async plan(given, { folder, isUnread, hasAuth, mistake }) {
    const options: ListenerOptions = {
      ...given,
      stress: { disk: { path: folder, freeBytes: SCARCE }, ...given.stress },
    }
    const { name, auth = 'optional', certificate = [] } = options
    const hasCertificate = [certificate].flat().length > 0
    const tls = options.tls ?? (hasCertificate ? 'optional' : 'none')
    const { minimumGroup: _group, ...rest } = options
    for (const one of listenerMistakes(isUnread ? { ...rest, tls: 'optional' } : options))
      mistake('ERR_LISTEN', `${name}: ${one}`)
    if (auth === 'required' && !hasAuth) mistake('ERR_NO_AUTH', `${name} requires AUTH`)
    return {
      isSecure: tls === 'implicit',
      warnings: [],
      explain: () => ({ tls, auth, notes: [`TLS ${tls}`, `AUTH ${auth}`] }),
      keywords: (offer) => ({
        clear: tls === 'implicit' ? [] : keywordsOn(options, offer, 'clear'),
        secure: hasCertificate && tls !== 'none' ? keywordsOn(options, offer, 'tls') : [],
      }),
      open: ({ attach, onError }, keeper) => createListener({ onError, ...options }, attach, keeper),
      update: (listener, { attach, onError }) => (listener as SmtpListener).update({ onError, ...options }, attach), // made by `open`
    }
  },
}

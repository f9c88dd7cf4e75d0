/** The content of a message, where there is one to look at. */
import type { Mime } from '@postroad/mail'
import type { Message } from '@postroad/plugin'

const UNREADABLE = /^ERR_MIME_(?:TOO_LARGE|TOO_DEEP|TOO_MANY_PARTS|HEADER_TOO_LARGE)$/

/**
 * What a mail client shows of it; undefined when it is beyond the limits of MIME, for which the plugin `mime` gives points. Nobody has looked then:
 * a fact about it is to be absent.
 *
 * @throws {Error} what else goes wrong
 */
export async function contentOf(message: Message): Promise<Mime | undefined> {
  try {
    return await message.mime()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (UNREADABLE.test(code)) return undefined
    throw error
  }
}

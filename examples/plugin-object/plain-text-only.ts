/** The simplest shape: hooks in an object. No options, no services, nothing to set up. */
import { definePlugin, reject, suspect } from '@postroad/plugin'

/** Refuses executables, and counts points for HTML without a text part. */
export const plainTextOnly = definePlugin({
  name: 'plain-text-only',
  hooks: {
    async message({ message }) {
      const { attachments, html, text } = await message.mime()
      const program = attachments.find(({ filename }) => /\.(?:exe|scr|bat|cmd|js|vbs)$/i.test(filename ?? ''))
      if (program) return reject('Programs are not accepted here', { status: '5.7.1' })
      if (html !== undefined && text.trim() === '') return suspect(1.5, 'HTML without text')
    },
  },
})

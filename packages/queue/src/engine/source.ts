/** Where a message's octets come from, and who looks on while they are read. */
import { type MessageSource, memorySource } from '@postroad/mail'

/** What the store reads to write it is kept: it need not be read back to be delivered. */
export function gathering(source: MessageSource): { readonly source: MessageSource; take(): MessageSource } {
  const chunks: Uint8Array[] = []
  return {
    source: {
      size: source.size,
      hasOnlyCrlf: source.hasOnlyCrlf ?? false,
      async *raw() {
        for await (const chunk of source.raw()) {
          chunks.push(chunk)
          yield chunk
        }
      },
    },
    take: () => memorySource(chunks, source.hasOnlyCrlf),
  }
}

/** A transport swallows the errors of what it reads; the engine must know. */
export function watched(source: MessageSource, onError: (error: unknown) => void): MessageSource {
  if (source.chunks?.()) return source
  return {
    size: source.size,
    hasOnlyCrlf: source.hasOnlyCrlf ?? false,
    async *raw(lend) {
      try {
        yield* source.raw(lend)
      } catch (error) {
        onError(error)
        throw error
      }
    },
  }
}

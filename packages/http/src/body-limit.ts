/** A request whose body may have so many octets. */

/** A request, and whether it was more. */
export interface BodyLimit {
  readonly request: Request
  readonly limit: number
  isTooLarge(): boolean
}

/** By what the client says of its body, or else by counting: then reading rejects. */
export function limitBody(request: Request, limit: number): BodyLimit {
  const said = request.headers.get('content-length')
  if (said !== null) {
    const isTooLarge = Number(said) > limit
    return { request, limit, isTooLarge: () => isTooLarge }
  }
  if (request.body === null) return { request, limit, isTooLarge: () => false }
  let size = 0
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      size += chunk.length
      if (size > limit) controller.error(new RangeError(`the body has more than ${limit} octets`))
      else controller.enqueue(chunk)
    },
  })
  const { url, method, headers, signal } = request
  const init = { method, headers, signal, body: request.body.pipeThrough(counter), duplex: 'half' }
  // The one that came is a light one of its adapter, which cannot be copied; `duplex` is missing in the types.
  return { request: new Request(url, init as RequestInit), limit, isTooLarge: () => size > limit }
}

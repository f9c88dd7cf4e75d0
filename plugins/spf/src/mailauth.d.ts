declare module 'mailauth/lib/spf/index.js' {
  export function spf(options: {
    readonly sender: string
    readonly ip: string
    readonly helo: string
    readonly mta: string
    readonly resolver: (name: string, type: string) => Promise<string[] | string[][]>
    readonly strict: boolean
    readonly maxElapsedTime: number
  }): Promise<{
    readonly status: { readonly result: string; readonly comment?: string | false }
    readonly domain: string
    readonly explanation?: string
  }>
}

/** Inner modules of the npm package mailauth, which has no types for them: library.ts says what they are. */
declare module 'mailauth/lib/arc/index.js'
declare module 'mailauth/lib/dkim/dkim-verifier.js'
declare module 'mailauth/lib/dmarc/index.js'
declare module 'mailauth/lib/spf/index.js'
declare module 'mailauth/lib/tools.js'

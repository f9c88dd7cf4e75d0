/** Messages of the shape of today's phishing and advance fraud, made up: names and hosts are reserved ones. */
import { draw, shuffled } from './figures.ts'

const BRANDS = [
  'Northbank',
  'PayWay',
  'Postal Express',
  'CloudBox',
  'Streamly',
  'Tax Office',
  'Crypto Vault',
  'MailHub',
]
const ENDINGS = ['top', 'xyz', 'click', 'info', 'online']
const OPENINGS = [
  'Dear Customer,',
  'Dear valued customer,',
  'Dear user,',
  'Hello,',
  'Attention!',
  'Dear Account Holder,',
]
const TROUBLE = [
  'We have detected unusual activity on your account and it has been temporarily limited.',
  'Your account will be suspended within 24 hours unless you verify your information.',
  'Your payment could not be processed and your subscription is on hold.',
  'Your parcel could not be delivered because a fee of $1.99 has not been paid.',
  'Your mailbox is almost full. Messages will be returned to the senders.',
  'You have an outstanding tax refund of $842.17 waiting for you.',
  'A new device signed in to your wallet. If this was not you, secure your funds immediately.',
]
const ACTIONS = [
  'Click here to verify your account',
  'Confirm your details now',
  'Update your billing information',
  'Claim your refund',
  'Upgrade your mailbox for free',
  'Restore access',
]
const CLOSINGS = [
  'Failure to do so will result in permanent suspension.',
  'This offer expires today. Act now!',
  'Thank you for your prompt attention.',
  'Please do not reply to this message.',
]
const FRAUD = [
  'I am the manager of the audit department of a bank here. I discovered an abandoned sum of $12,500,000.00 (twelve million five hundred thousand US dollars) in an account that belongs to a deceased foreign customer. I seek your assistance to transfer this fund into your account. You will receive 40% of the total sum. This transaction is 100% risk free. Reply urgently with your full name, address, telephone number and bank details.',
  'CONGRATULATIONS!!! Your email address has won the sum of $850,000.00 in our international lottery program. To claim your winning prize contact our claims agent immediately with your full names, address, age, occupation and telephone number. Keep your winning numbers confidential.',
  'We offer loans from $5,000 to $5,000,000 at a low interest rate of 3%. No credit check, no collateral, money in your account within 24 hours. Bad credit is no problem! Apply now, limited offer.',
  'Work from home and earn $5000 per week! No experience needed. Our members make money online every day. Click the link below to start earning today. 100% guaranteed or your money back.',
  'Lose weight fast with our new natural formula! Order now and get 2 bottles FREE. Doctors recommend it, no prescription required. Free shipping worldwide. To be removed from this list click here.',
]

/** 200 messages. */
export function phishingMessages(): readonly string[] {
  return Array.from({ length: 200 }, (_, i) => {
    const random = draw(i + 5000)
    const of = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!
    const digits = (count: number) => Array.from({ length: count }, () => Math.floor(random() * 10)).join('')
    const brand = of(BRANDS)
    const host = `${brand.toLowerCase().replaceAll(' ', '-')}-${of(['secure', 'support', 'verify', 'account'])}${digits(2)}.example.${of(ENDINGS)}`
    const head = (subject: string, type: string) =>
      `Received: from unknown (HELO ${of(['User', 'WIN-PC', host])}) (198.51.100.${i % 250})\n\tby mx.example.test with SMTP; Tue, 4 Jun 2024 02:11:${10 + (i % 49)} -0000\nFrom: "${brand}" <${of(['support', 'security', 'no-reply', 'service'])}@${host}>\nReply-To: ${digits(5)}@example.${of(ENDINGS)}\nTo: alice@example.com\nSubject: ${subject}\nDate: Tue, 4 Jun 2024 02:11:09 -0800\nMIME-Version: 1.0\nContent-Type: ${type}; charset="iso-8859-1"\nX-Priority: 1\nX-Mailer: Microsoft Outlook Express 6.00.2600.0000\n\n`
    const link = `http://${of([host, `203.0.113.${i % 250}`])}/${of(['login', 'verify', 'secure', 'account'])}.php?id=${digits(8)}`
    if (i % 4 === 0)
      return `${head(of(['URGENT BUSINESS PROPOSAL', 'Congratulations! You have won', 'Re: your loan', 'Make money fast', 'Lose weight NOW']), 'text/plain')}${of(FRAUD)}\n\n${of(CLOSINGS)}\n`
    const sentences = shuffled(TROUBLE, i).slice(0, 2).join(' ')
    const subject = of([
      `${brand}: action required`,
      'Your account has been limited',
      'Final notice!',
      `${brand} security alert`,
      'FREE upgrade',
      'You have (1) new message',
    ])
    if (i % 4 === 1)
      return `${head(subject, 'text/plain')}${of(OPENINGS)}\n\n${sentences}\n\n${of(ACTIONS)}: ${link}\n\n${of(CLOSINGS)}\n\n${brand} Security Team\n`
    return `${head(subject, 'text/html')}<html><body bgcolor="#FFFFFF"><table width="600" align="center"><tr><td><img src="http://${host}/logo.gif"></td></tr><tr><td><font face="Arial" size="2">${of(OPENINGS)}<br><br>${sentences}<br><br><a href="${link}"><b>${of(ACTIONS)}</b></a><br><br>${of(CLOSINGS)}<br><br>&copy; ${brand}. All rights reserved.</font></td></tr></table></body></html>\n`
  })
}

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { connect, createServer, type TlsOptions } from 'node:tls'
import { SERVER_TLS, secureContexts } from './tls.ts'

/** Of RSA, so that the old key exchange is possible at all. Nobody's key. */
const key = `-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDWj0u/c/wN1ToE
v4AddslkVRrUIIFoJrvar4oiSImPw16uSMRSxByjs/a9PkzWV7IHpEUapN+HWskm
ZN4mi4n5qzET7ZJnV1RVx+gbPiO5eQ4UX1ygujzexVKxzMGaY17XkTteAyJMuTex
NFQ14isyls404wVaWnxxDmmlW1aXja8ZAqF/G7XZ5VoJ4L2b8G79uHSEaiyUkU0r
rb6hyq4iUhLIJ0IVE3Ax5ocNoncFav3xubz6g6ffVRc6H+4/3NskBKYe8GLq/hcp
9qc5+QydrR5/v3r+IN8KdxBfDahcveLeTwLiMPWPlozKj1EZ4Y07vPSagaxfv1tC
QgQlJEvdAgMBAAECggEAEPWgLuiv1HcVgDET4yBT0Giyt3A/Ulh3clR8RnP13aV7
eyq4y/MA8Yak2vYM9EdXxOdc5/t+yK/qJO0Fq0XN2OyJc1IMx7rdKW+k/txFTiCN
tpoIFBNMgu5VeETfS8ENitwJtYdpY2ejiZABlQXE1NmbQI5uSqNK4VPakW28FTwC
Z/9/eFElurmrsn/OZWn5FzCHB0C4pmf/wbZNRiiF+KTenGghk42P92UmiZsoOsq1
qoYrtTD4giCt/Ec394Ut0Dp8+RmSAuffGSbubkGs4dd6wM7X3DhDcKBhvv1X/8nB
sZ0/WyGLpT8RXUhQhBPhURKR4+6gN+pUKEJ/Zd0ycQKBgQD6q573Ne3QnS2JLt0F
6AwezveH+MWztx0Y0uo5ZQ5UyERIqxGpl4WWUMZ1uCIy33Rx9qIldHirCqa1RzLX
7Rkf9g8Njf9P88keTNYEnFCst0P6XmLpj3OKeTyNHsj+IcA5J9MeDJNPp/tPNDXn
hWDKSch9z1FV5mds7FT8pX960QKBgQDbHyCnwyaN9Ua2kaC/+1UsItzVrPNWIULT
z0dYSwpANta2XqBAmluz50WnXj0Nh/NWMIvZh15PRK3ItFCwu1n/CSCw9lJP0DWN
dsSdK6gL6Zrjc7mdYEpJsDXcfqq9RlUF+JvYKiN7+8IzmY147grBZAsGgKPoZG/o
YFh1DcdrTQKBgQCayeFmvCl3Gaflv0eCfzEE0T7u+sJyYE+aZZt3B50a43Ou/9vv
Qn6ePJDgXmzXxz5rpSWpRUvCKtiYtjeCOIm8P8A52YZfw6VcjYvW2wPCM4TJlQE1
QnzRdF3csrbgnszJPntSYeeRV6SK2y2yIp2LLJaegaezCIyzKRitzjBzEQKBgBnx
Kn2SJitiYZfVz/FKwT+zdO+7RSfqUi4feTPj1nfZxjvbIh/j5n17IQz6pEHI2a9X
mgcL9sdtuyFq766sz6/ZFcy9rOsUHHL+H7L36zJV2ueY2N3f+4uT2BydxnsYK5LE
ZzcFbiQMn2ZahJxPmmhg/skrS7yEv5cEaRSaqAR1AoGAfoBe3P/9H6szWE8/90ZW
4sr+jfa5o6x4zkqe01ActEfigTp2znMadRIqtKQSkuUXD5cD0a03acOv2zkPwi7t
6kXuPDDOZErrmEEHR5y+bBQ4RENUl2FQc0TGchUBF9Yn3uKM8X1r+xkOyni0qS6M
Nvr1hGndnqGWRl4RA9Yp/gg=
-----END PRIVATE KEY-----`
const cert = `-----BEGIN CERTIFICATE-----
MIIDFTCCAf2gAwIBAgIUP4w1OphnKbV5t6xbKT5C6eAqQikwDQYJKoZIhvcNAQEL
BQAwGTEXMBUGA1UEAwwObXguZXhhbXBsZS5jb20wIBcNMjYxMTMwMTIwNTUxWhgP
MjEyNjExMDYxMjA1NTFaMBkxFzAVBgNVBAMMDm14LmV4YW1wbGUuY29tMIIBIjAN
BgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1o9Lv3P8DdU6BL+AHXbJZFUa1CCB
aCa72q+KIkiJj8NerkjEUsQco7P2vT5M1leyB6RFGqTfh1rJJmTeJouJ+asxE+2S
Z1dUVcfoGz4juXkOFF9coLo83sVSsczBmmNe15E7XgMiTLk3sTRUNeIrMpbONOMF
Wlp8cQ5ppVtWl42vGQKhfxu12eVaCeC9m/Bu/bh0hGoslJFNK62+ocquIlISyCdC
FRNwMeaHDaJ3BWr98bm8+oOn31UXOh/uP9zbJASmHvBi6v4XKfanOfkMna0ef796
/iDfCncQXw2oXL3i3k8C4jD1j5aMyo9RGeGNO7z0moGsX79bQkIEJSRL3QIDAQAB
o1MwUTAdBgNVHQ4EFgQU5Cx9BqHSoQ8odPY4HpOpRF1iIxswHwYDVR0jBBgwFoAU
5Cx9BqHSoQ8odPY4HpOpRF1iIxswDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0B
AQsFAAOCAQEAov3OLpplrf2gQiG4kWSSyw/fWdl+HpvHsyHUVZ2ZpNpwxpdrbccQ
aB5TH6sY+n9PeBtL9KVGD+rV/duTXD+yI/RH2Fpm6hPqlEFMxDbi0kDhtyFoEY6G
vUwKLomvwJ9SXoGxB1ZsK5ZmIz5EVsLbxFAKKbQpjZazr0jyZu3cS8LIij4+Cna6
8I24QCsFHWpZFZfw3EFyGyWVLPcMDLF2Mxg4+s0HtP9Ozn0nFR2vDxXKYIrPUCEb
o4jG99bwirz7XFYw7Z3pmm9FTKtkX4qLK5/bBNMLm5ixjnElH7218YD1t4jcdi3F
JIVwO3hlPmEpvF+NbWeQtSUWME5yrVWxQw==
-----END CERTIFICATE-----`

/** The cipher that a client and such a server agree on; undefined when on none. */
async function agreed(options: TlsOptions, ciphers: string): Promise<string | undefined> {
  const server = createServer({ key, cert, ...options }, (socket) => socket.end())
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // `as`: it listens on a port
  const socket = connect({ port, ciphers, maxVersion: 'TLSv1.2', rejectUnauthorized: false })
  try {
    await once(socket, 'secureConnect')
    return socket.getCipher().name
  } catch {
    return undefined
  } finally {
    socket.destroy()
    server.close()
  }
}

test('RFC 9325 §4.1: in TLS 1.2 nothing without forward secrecy is agreed on', async () => {
  assert.equal(await agreed({}, 'AES128-GCM-SHA256'), 'AES128-GCM-SHA256', 'what Node itself would take')
  assert.equal(await agreed(SERVER_TLS, 'AES128-GCM-SHA256'), undefined)
  assert.equal(await agreed(SERVER_TLS, 'ECDHE-RSA-AES128-GCM-SHA256'), 'ECDHE-RSA-AES128-GCM-SHA256')
  const context = secureContexts([{ key, cert }]).get('*')
  const SNICallback: TlsOptions['SNICallback'] = (_name, done) => done(null, context)
  assert.equal(await agreed({ ...SERVER_TLS, SNICallback }, 'AES256-SHA'), undefined)
})

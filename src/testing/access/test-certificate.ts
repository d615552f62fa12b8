/**
 * PUBLIC TEST KEYS. The certificate authority, the server certificate and the token signing key of
 * the embedded API server. They are the same in every copy of this package, so that a test can trust them
 * without any setup.
 *
 * These private keys are published: never trust this authority outside a test on loopback.
 */

/** The authority that signed `TEST_SERVER_CERTIFICATE`; its key no longer exists. Valid until 2074 or later. */
export const TEST_CA_CERTIFICATE: string = `
-----BEGIN CERTIFICATE-----
MIIBujCCAWCgAwIBAgIUGEU18qV322r7Qkwa/8dmJGRlPUwwCgYIKoZIzj0EAwIw
OjE4MDYGA1UEAwwvbGVhc2UtZWxlY3RvciB0ZXN0IENBIChwdWJsaWMga2V5LCBu
ZXZlciB0cnVzdCkwIBcNMjYxMTIyMTgxNjQyWhgPMjA3NjExMDkxODE2NDJaMDox
ODA2BgNVBAMML2xlYXNlLWVsZWN0b3IgdGVzdCBDQSAocHVibGljIGtleSwgbmV2
ZXIgdHJ1c3QpMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEHjldXIe3hsesjZ+c
ktfTkU7gGTq57+BV3RRhyDTodATE1yQxPrje/h6+aswRSiG3KCG8tpV7Eu00bmzX
yeKmkKNCMEAwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwHQYDVR0O
BBYEFFceuq1+3RzTG7rfMyoiCRN38R/VMAoGCCqGSM49BAMCA0gAMEUCIQDG3uz6
QfWTv4BALQugWLeLcTPMe8WjQWsN4qvWYckhwAIgFvSIGxTR0XoxH+UrQ34X+dqb
cejR4XOZ5daakRJrdCc=
-----END CERTIFICATE-----
`.trimStart();

/**
 * For localhost, 127.0.0.1, ::1, kubernetes, kubernetes.default and kubernetes.default.svc.
 * Valid until 2074 or later.
 */
export const TEST_SERVER_CERTIFICATE: string = `
-----BEGIN CERTIFICATE-----
MIICRzCCAe2gAwIBAgIUEkF0ShTZt+wlgfPgTXY/rE3vQPAwCgYIKoZIzj0EAwIw
OjE4MDYGA1UEAwwvbGVhc2UtZWxlY3RvciB0ZXN0IENBIChwdWJsaWMga2V5LCBu
ZXZlciB0cnVzdCkwIBcNMjYxMTIyMTgxNjQyWhgPMjA3NjExMDkxODE2NDJaMCwx
KjAoBgNVBAMMIWxlYXNlLWVsZWN0b3IgZW1iZWRkZWQgQVBJIHNlcnZlcjBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABDwRkjMw9bfjZ+eZRLbOP4GU+Ic0OVsZ2Rjv
3SG7sEwbBoNsabpbdqI764QLnU9cckSM1RTrBMRCGb4Z4aoovrOjgdwwgdkwDAYD
VR0TAQH/BAIwADAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKwYBBQUHAwEw
ZAYDVR0RBF0wW4IJbG9jYWxob3N0hwR/AAABhxAAAAAAAAAAAAAAAAAAAAABggpr
dWJlcm5ldGVzghJrdWJlcm5ldGVzLmRlZmF1bHSCFmt1YmVybmV0ZXMuZGVmYXVs
dC5zdmMwHQYDVR0OBBYEFJ7ZbSIZOxzspGINn1aRnwwWdbcNMB8GA1UdIwQYMBaA
FFceuq1+3RzTG7rfMyoiCRN38R/VMAoGCCqGSM49BAMCA0gAMEUCICoxqt9q1VKX
P6Re7I+ccfZgCYif/UAiJ5FkO+4Nl5f8AiEA+ecfqGSHTk+wbhYpAkJl6FFhnKc4
TsLwMfS3Kvkhy5g=
-----END CERTIFICATE-----
`.trimStart();

/** The key of `TEST_SERVER_CERTIFICATE`: public, for tests only. */
export const TEST_SERVER_KEY: string = `
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgW/QTwWbMT/mEwN3s
5fUnpexUQe5Z3lTNzbHJ9rsB0mWhRANCAAQ8EZIzMPW342fnmUS2zj+BlPiHNDlb
GdkY790hu7BMGwaDbGm6W3aiO+uEC51PXHJEjNUU6wTEQhm+GeGqKL6z
-----END PRIVATE KEY-----
`.trimStart();

/**
 * Signs service account tokens (RS256, as a real server does): public, for tests only. It has 1,024 bits, since signing
 * with 2,048 bits would be most of the cost of creating a Pod, and the key protects nothing.
 */
export const TEST_TOKEN_SIGNING_KEY: string = `
-----BEGIN PRIVATE KEY-----
MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAMEcmr32YGl+JDP0
KEj0CzfW+3tS6tCcjNdWEYA0VMmDoOvmsXSAMxor3CS19d+O0PXtc6k6gRi1oBTh
J/2nb9ppvmOyh3635IK2ExPc3A3kYJKaHLHrC++G8e2A05tj8ZNHIBi55lVtWP2c
xTn+/taaxwoVfh51WSY3sweRaRRhAgMBAAECgYEAwLYD8lhBJGVeSX55CTyJSWM/
uXUooZ/oqSfZ9R/EEQlLeL7SDhm1ZYOpf/UZ9cv22cTprFKW7AqsQsnid6403nyv
jY/NU92iaI/gx2FKWqLz+MJEzqRYJl5fguCKXsZeQ15UE05AfJU6AxYullyqbFCB
qG+iTnXt8LsxQLhfwbECQQDlw/Dwza4PkraGhQ6HkhKYIjLQCZQ/2CR0YxQT0RNb
Yx5SaeYUowppndsMqQl7CqtEBgQk5GE+C3Bt1dOThyg1AkEA1ylGM+AfMMV6/nPJ
PYe37WjBbVKjQX9CJ9UwRMEOMJCETjbz6NokutQYaZAwJIEMpqQtyVJIcHx2yIGA
uLf4/QJAJco7Z6+8kC0mPivGPwAEdOczCkp5CqMnI8lj9PpvP5mm1BE82WoTfVmM
PKHUwFr53j9LETJK2CSTgk0n9lzFfQJBANMrRiRpxhL27sTHXO4Pwru2QYkLPwFs
ZcB0YwBHvaZ6X+/nzTFuz/exbBhHFIjvQzxWDD33jPMhpO8a8vvYS/0CQBtJHo+r
v/YJkbkeoDtg1UzhildnsDLnBAh5lEQWqYYR6/4dBi//AY+kkfifef1/0E0phg9i
xKZVCHhEqeYGzxM=
-----END PRIVATE KEY-----
`.trimStart();

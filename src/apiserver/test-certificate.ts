/**
 * PUBLIC TEST KEYS. The certificate authority, the server certificate and the token signing key of
 * the embedded API server, the same in every copy of this package, so that a test can trust them
 * without any set-up.
 *
 * Everybody has these private keys: never trust this authority outside a test on loopback.
 */

/** The authority that signed `TEST_SERVER_CERTIFICATE`; its own key was thrown away. Valid until 2074 or later. */
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

/** Signs service account tokens (RS256, as a real server does): public, for tests only. */
export const TEST_TOKEN_SIGNING_KEY: string = `
-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCznEBa4YOjE7tn
8yJ+yx2msJDpERvu6P3pH3atLSH5QB2odw71ifJnRwE0u8GYMLjEjr7dnsE1SUJO
ShNFAr3168qdVqOv3Y9aFmC+uIpIS2U42hO2uq/vPsQc81nv1m5Djx57yAcQcvtP
oRnmIbFFNbSKROCnV53HvG3dwXIsFLNDXpWkkBDQ5tPJ8LfZi6YgoaJHhoP/6jaj
o0I2BDSAnUQLJLGYDnE3gjfRmwL4jV4bJsBb7l3vlH43JO7Cz6Rc43+3YMI439z8
sLd90mENmpuXd6lGVOjr2qpEpimK5+N8w0eoYq6X0hRdAzBuxFXBvfYXlvxKXyzI
cixTFzLlAgMBAAECggEACT/ftI5uiARpH0ZPHXZ6VW48WDRQWvJWuR2sr+hmGn7p
yBYxiAWNnTHz5vJQWvUPXtf3DlSxoHvgVUXNTj2A6Nw2t/mRPmpLipkibE/2lxiC
4vWgFEXy74As+0yw8f/597K0IC3B51/0fzpNqiNMDMNiQ8ieRR/m+TVD9yqSJaDp
Eov3anDiPPoVhNnyjvEx6UWt75BM2/XZnUAmdTbuqxyTRm8ymxJrSG2tAEAMYz5x
XEJgcz0l41VUdMbSh7y+WE+tpj2b7WgDuHcZ4x0px2EvEWueCdboVH0umf2W5g2Z
GNp5E9Y3NFJX4ySygrKr9FvULeYggw2ZhjVx1YX9NQKBgQDtq2M6F9bwwM9LNlm3
yEFhRwsAlyui8ZQ01nPlcns+fb0OxsrWRu1qfPxfTGwuBRz6+MRZWOR4fQHhGUbL
WKEBjTY3hswNbGllxS1T4GvNlrs40HJQEGVxV+KiwJIeZziNhD5sZiieNSAFVc0/
Mn0qCbwQqHuBd6IAL5i/7zkfywKBgQDBdoc7NLZX0xUk/Omlz+ytyyG6Ze0qTyKw
Bov/5LqASSwH1LywSdhovaLJ4u6c385lz805TWdpeBfmwr+fY92etgmFVR8y8GvC
zgRPf291djFZBcY0dreNKmuLfCzbACYIVxAgLz3afW4A9WrC75P1jumByQteNqCc
MI4s1CRCDwKBgHwjc+2o/Ay+OMgJOG1k/LlJuTZyv0kZs5axmNF0rWjjljc8oD+x
xlpDtDI2oZ6b7xori6s7YgKJEM05PaACx/4eev4fuz8brCWLCvTvmH9Gxr2TKtIk
7kd4ZxkpSmj08zX/p/dImNih2PrQaSckQPoPIZr11aS3DvfX5IoD8qtnAoGADt/9
L9kyt/f75TcpA93D1e0Lb9iMbrdc9Gncc9VzXY/Cuetqgqd64zrJfHpdXGR86yka
H3DLJbndJJoOv8Oe86gNfVn5JyKDNpw+ippCyKZIzw55mekS3eDIGhZ3IHOXeQaw
r7jSKa2BOsOj7M8c8kGFxLvfiuPqX3gARoQdMZMCgYEAs4deDjUOmbvUbVTSED5v
PWDLcMhrNLslQOZuDQVh+VsY9iibFb0hdA7YOPiUUOtoccN/xS7bqSvlFAZpjIRg
Sm+anMB6DUa9JLGN6PNDty/PAgTVdMEDSbowYvajMi0zDCp9kbjnf/Oa3YxGXVZn
kBEHyPK2zKYORx4hzNiD9bs=
-----END PRIVATE KEY-----
`.trimStart();

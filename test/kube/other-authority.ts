/**
 * A certificate authority that no test server belongs to.
 */

/** A certificate that has signed no other certificate. It is valid until 2056. */
export const OTHER_CA = `-----BEGIN CERTIFICATE-----
MIIBnDCCAUOgAwIBAgIUfC1dxsKghrg+aT9AcRm6H/qv0wAwCgYIKoZIzj0EAwIw
IzEhMB8GA1UEAwwYYW5vdGhlciBhdXRob3JpdHkgKHRlc3QpMCAXDTI2MTEyMjE4
MzQyMFoYDzIwNTYxMTE0MTgzNDIwWjAjMSEwHwYDVQQDDBhhbm90aGVyIGF1dGhv
cml0eSAodGVzdCkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARa8SN32yWymxYu
Km/DVse8hLQn3k7BYgxukP/Dm6kzbg1szm1ZaA4VsQ/Sw7RF+kHbju49b8kkegl5
tmU/AdzGo1MwUTAdBgNVHQ4EFgQUs3WmzcL4YVEKCzvc0K5BMwhfgA4wHwYDVR0j
BBgwFoAUs3WmzcL4YVEKCzvc0K5BMwhfgA4wDwYDVR0TAQH/BAUwAwEB/zAKBggq
hkjOPQQDAgNHADBEAiAtmnplkgFbNzQ8VJ5oAwWa9+wY6gT9VFCfF64Ub3/HuQIg
I4oryid15xynrpI50wxaY8i08SG2UoUkrCicfWBp13w=
-----END CERTIFICATE-----
`;

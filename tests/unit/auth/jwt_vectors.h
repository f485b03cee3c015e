/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens made by make_jwt_vectors.py with Python's standard library. Do not edit.
 */
#ifndef ZEUS_TESTS_JWT_VECTORS_H
#define ZEUS_TESTS_JWT_VECTORS_H

#include <stdint.h>

#include <zeus/error.h>

/* clang-format off */
#define KEY "integration-test-signing-key!!!!"
#define NEWLINE_KEY "c2VjcmV0LXRoYXQtbG9va3MtbGlrZS1iYXNlNjQ=\012"
#define OTHER_KEY "another-key-another-key-another!"
#define NOW 1800000000u

static const struct issued_vector {
    const char *name;
    const char *key;
    const char *subject;
    const char *scopes; /* a comma list; "": none */
    uint64_t expires_s;     /* 0: never */
    uint64_t issued_s;      /* 0: absent */
    const char *token;
} issued_vectors[] = {
    {"plain", KEY, "alice", "gpu-read", 1800003600u, 0u,
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOjE4MDAwMDM2MDB9.CNNpbxys41cnPJdSFQXCvxDWIzjZISBcqbJtbqRAxH"
     "Q"},
    {"three groups", KEY, "alice", "gpu-control,gpu-read,cpu-read", 1800003600u, 1800000000u,
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tY29udHJvbCIsImdwdS1yZWFkIiwiY3B1LXJlYWQiXSwiZXhwIjoxODAwMDAzNjAwLCJpYXQiOjE"
     "4MDAwMDAwMDB9.oHZTBxlx5CRhVxUNPfVtcLOmytNou0CgpM9lOpOMw78"},
    {"order and repeats", KEY, "alice", "cpu-read,gpu-read,cpu-read", 0u, 1800000000u,
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJjcHU"
     "tcmVhZCIsImdwdS1yZWFkIiwiY3B1LXJlYWQiXSwiaWF0IjoxODAwMDAwMDAwfQ._67FNFBpSJzs"
     "MixxW7HpBr3unEwqUR9EWzR7B2QUBXs"},
    {"no groups", KEY, "alice", "", 0u, 0u,
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6W119.KV"
     "EXonyiVqoK1E4KnmqK3mu60-Mpp-DjK0y9rntAyTU"},
    {"newline in key", NEWLINE_KEY, "bob", "cpu-read", 1800000001u, 0u,
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IiLCJzY29wZXMiOlsiY3B1LXJ"
     "lYWQiXSwiZXhwIjoxODAwMDAwMDAxfQ.d-8BNzZyfFm-iUhZWZssVx_rnfu8uLcqU6iLrBaZDq4"},
    {"quotes and umlaut", KEY, "M\303\274ller \042x\042 \134 \342\202\254", "gpu-read", 0u, 0u,
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJNw7xsbGVyIFwieFwiIFxcIOKCrCI"
     "sInNjb3BlcyI6WyJncHUtcmVhZCJdfQ.1Dh0Nj6UHcaJEOMFxDtP37a8hSwTAIDbRj6Q1CQ6q64"},
    {"control characters", KEY, "a\011b\012c\037", "gpu-read", 0u, 0u,
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhXHRiXG5jXHUwMDFmIiwic2NvcGV"
     "zIjpbImdwdS1yZWFkIl19.e81JAbrhOBBFDCuck1u-M2dcwqupbQySY5exK2tvHHA"},
};

/* All under KEY. */
static const struct checked_vector {
    const char *name;
    int code; /* 0: taken */
    const char *words;
    const char *token;
} checked_vectors[] = {
    {"leeway to the second", 0, "",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOjE3OTk5OTk5NDB9.VviLUfpvnjM4Qv-bPznpx46v5PQ4jFr7HKGtLr9o4N"
     "M"},
    {"exp null", 0, "",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOm51bGx9.bpLj-AplgghNnUN2xh_NTSYm4p9K3J5qHySwUcT3x2E"},
    {"exp zero padded far future", 0, "",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOjE4NDQ2NzQ0MDczNzA5NTUxNjE1fQ.5VFSc0-06juQR9VhCZd2YVbAc-zb"
     "9orOYQF0djb8o_8"},
    {"unknown claims", 0, "",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJuYmYiOjE4MDAwMDA5OTksImlzcyI6IngiLCJqdGkiOnsiYSI6WzEsbnVsbF19LCJ"
     "leHAiOjE4MDAwMDAwMDB9.H3ENRtsLXOXYfWO32Zj8w1i8iXP0wRYGUtYytW4KnKQ"},
    {"iat of another type", 0, "",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJpYXQiOiJ5ZXN0ZXJkYXkifQ.JTIPX1C0CqGopS0H8apk0PlOM48IgHZrRJnEa6ks"
     "aLo"},
    {"aud null", 0, "",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJhdWQiOm51bGx9.lQxjR2_4tosU9wMd98KaycQNWwWeLF4LzT52mpg7mns"},
    {"header order", 0, "",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdfQ.bUkfdeMZtxgxVoGFSOfjAid3Uot6zGR45tiWaVjiLjA"},
    {"header without typ", 0, "",
     "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHUtcmVhZCJdfQ.Ybzg"
     "5toFNL2Z1cv6F-bOzi7wICy8F34sLlSjB1CTQAA"},
    {"header with kid", 0, "",
     "eyJhbGciOiJIUzI1NiIsImtpZCI6IjEiLCJ4IjpbMSx7InkiOjJ9XX0.eyJzdWIiOiJhbGljZSIs"
     "InNjb3BlcyI6WyJncHUtcmVhZCJdfQ.C00cKwAx_HK62ySW6Y6NODess5aoFOJecdVv8BBLcLM"},
    {"header in spaces", 0, "",
     "IHsgImFsZyIgOiAiSFMyNTYiIH0g.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHUtcmVhZCJ"
     "dfQ.SV0ADRJ7RqKAw-Unft7OdznX_IiPLfvZETa-rO6UGXk"},
    {"payload in spaces", 0, "",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.CnsgInNjb3BlcyIgOiBbICJncHUtcmVhZCIgXSA"
     "sICJzdWIiIDogImFsaWNlIiB9Cg.2qW1qLLMUzQc8ts5Ck7tAH81LkTPBSoTAQn3-cX3-W0"},
    {"escaped names", 0, "",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzXHUwMDc1YiI6ImFsaWNlIiwic2NvcGVzIjp"
     "bImdwdVx1MDAyZHJlYWQiXX0.11mv1-GocfmTSMxGr8gR1_gTboFgFWXo7BejCw35VQc"},
    {"empty scopes", 0, "",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6W119.KV"
     "EXonyiVqoK1E4KnmqK3mu60-Mpp-DjK0y9rntAyTU"},
    {"empty subject", 0, "",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIiLCJzY29wZXMiOlsiZ3B1LXJlYWQ"
     "iXX0.b3TgW_mQMONwm-XFwtuxK9gU_213MMom2PMioieFRAI"},
    {"expired", ZEUS_ESTALE, "expired (61 s ago)",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOjE3OTk5OTk5Mzl9.D5XY99HrcKyQWRWLuPgjkgjsyWxHPPrAttuLeIyPp3"
     "c"},
    {"expired long ago", ZEUS_ESTALE, "expired",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOjEwMDAwMDAwMDB9._F5Y-MaGvxboJ04FpUSyNcq7np98lC4hyyaRG-0Zwc"
     "A"},
    {"exp zero", ZEUS_ESTALE, "expired",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOjB9.WSsf_EbJjC2p6Z8JoasrFXBV3jNYISzvxZ916ZWgv1s"},
    {"expired and another key", ZEUS_EAUTH, "signature",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOjB9.1CLR2hA4lPn9bcyETlRfYvqciyGyQJfX9gyQ7hq8sCw"},
    {"another key", ZEUS_EAUTH, "signature does not match",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdfQ.ReaoaZB7_vryq7PM7iltFcwRALfEgACbZP5j0V_TV3I"},
    {"key without its newline", ZEUS_EAUTH, "signature",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdfQ.7BiQmS3vIWfMv2TwUzQx32KE4zJaDDYVa5SMSiqTjUM"},
    {"empty", ZEUS_EAUTH, "three parts",
     ""},
    {"garbage", ZEUS_EAUTH, "three parts",
     "garbage"},
    {"two parts", ZEUS_EAUTH, "three parts",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOjE4MDAwMDM2MDB9"},
    {"four parts", ZEUS_EAUTH, "three parts",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOjE4MDAwMDM2MDB9.CNNpbxys41cnPJdSFQXCvxDWIzjZISBcqbJtbqRAxH"
     "Q.x"},
    {"dots", ZEUS_EAUTH, "header",
     ".."},
    {"leading space", ZEUS_EAUTH, "header",
     " eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncH"
     "UtcmVhZCJdLCJleHAiOjE4MDAwMDM2MDB9.CNNpbxys41cnPJdSFQXCvxDWIzjZISBcqbJtbqRAx"
     "HQ"},
    {"trailing space", ZEUS_EAUTH, "signature",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOjE4MDAwMDM2MDB9.CNNpbxys41cnPJdSFQXCvxDWIzjZISBcqbJtbqRAxH"
     "Q "},
    {"padding", ZEUS_EAUTH, "signature",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOjE4MDAwMDM2MDB9.CNNpbxys41cnPJdSFQXCvxDWIzjZISBcqbJtbqRAxH"
     "Q="},
    {"none", ZEUS_EAUTH, "algorithm is not HS256",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHUt"
     "cmVhZCJdfQ."},
    {"none in capitals", ZEUS_EAUTH, "algorithm",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJOb25lIn0.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHUt"
     "cmVhZCJdfQ."},
    {"HS384", ZEUS_EAUTH, "algorithm",
     "eyJhbGciOiJIUzM4NCJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHUtcmVhZCJdfQ.AIaY"
     "rvud1WluLiap-l_zPmC_Ya5vV28Kxa0M-kCOdno"},
    {"RS256", ZEUS_EAUTH, "algorithm",
     "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHUtcmVhZCJdfQ.6DwU"
     "FtrWKc8vzzygthpK07Imhia6p2vQEdeTvN-GW64"},
    {"hs256", ZEUS_EAUTH, "algorithm",
     "eyJhbGciOiJoczI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHUtcmVhZCJdfQ.dV-c"
     "ZdSZ6FlYsObZ0qLrcDDZjAxJmIInxjT6FZaf4E4"},
    {"alg number", ZEUS_EAUTH, "algorithm",
     "eyJhbGciOjI1Nn0.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHUtcmVhZCJdfQ.CCaSzE5z-"
     "gSjH-nMZss-vZsv4Mxki5QaCaTlqUPfFe0"},
    {"alg list", ZEUS_EAUTH, "algorithm",
     "eyJhbGciOlsiSFMyNTYiXX0.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHUtcmVhZCJdfQ.g"
     "4iwl6p431fBTUk39mrY0wEreTXd7ho3gmLJooaIZ8U"},
    {"alg absent", ZEUS_EAUTH, "algorithm",
     "eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHUtcmVhZCJdfQ.JwRJg9"
     "rGrMkPKFVdBCjWJDIxef-rvSN83dT9eHh59TM"},
    {"alg twice", ZEUS_EAUTH, "algorithm",
     "eyJhbGciOiJIUzI1NiIsImFsZyI6Im5vbmUifQ.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJnc"
     "HUtcmVhZCJdfQ.o2Ns8xEISo1eGksNJs0sHG5vbQwXF1_Ij3bWmuKJtSk"},
    {"crit", ZEUS_EAUTH, "extensions",
     "eyJhbGciOiJIUzI1NiIsImNyaXQiOlsiZXhwIl19.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJ"
     "ncHUtcmVhZCJdfQ.r_z-jMcK1FRmr4hmF1LO2jko7EkUKmytLrLMpXTICZo"},
    {"header list", ZEUS_EAUTH, "no JSON object",
     "WzFd.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHUtcmVhZCJdfQ.9ZTaVCL0n1y_03E4RPut"
     "1qGUwCxGVeKnulugQjpDd3o"},
    {"header broken", ZEUS_EAUTH, "no JSON object",
     "eyJhbGciOiJIUzI1NiI.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHUtcmVhZCJdfQ.eqGmL"
     "rqcb568kB2x4NrGAAGGdGwfCdQDfLRUwL4tACc"},
    {"header and more", ZEUS_EAUTH, "no JSON object",
     "eyJhbGciOiJIUzI1NiJ9eA.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHUtcmVhZCJdfQ.Zl"
     "999Ux70px1r5dQeApTK6TCqb9z9FAkagtxYSlKyCA"},
    {"header not UTF-8", ZEUS_EAUTH, "no JSON object",
     "eyJhbGciOiJIUzI1NiIsIv8iOjF9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHUtcmVhZCJ"
     "dfQ.4MdbjaTr97yhhMpnMzTayDQ9bTmyC9WInaJGPrDZzSc"},
    {"payload not base64", ZEUS_EAUTH, "claims are not readable",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.not base64.xGUp73Ow4oNmwF_40Tjtxj59GBKv"
     "wNcTFjag92f2yQ8"},
    {"payload padded", ZEUS_EAUTH, "claims are not readable",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.e30=.iGK1YBeYHanHBaIXzxUZ-YfM6qSb5RX4-d"
     "HJ2ab16ZQ"},
    {"payload list", ZEUS_EAUTH, "no JSON object",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.W10.p9gYRuTpuPfQBbKQOxsEUmwD2GzyCXhK6tl"
     "qUZAgSq4"},
    {"payload string", ZEUS_EAUTH, "no JSON object",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.Ingi.4-btrnNOix3XuXexSaW4qWF1dTlTUPf_6E"
     "YACiNUUfc"},
    {"payload empty", ZEUS_EAUTH, "no JSON object",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9..Z3syMJHuCWj72odxvzEgmfuG5mLTYnRxC-cRx5"
     "AV-Jw"},
    {"payload broken", ZEUS_EAUTH, "no JSON object",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJd.7rS6gssOlcvARBRgjqTn_oz7ekhbd0vg0DG3S-Ls_wE"},
    {"payload and more", ZEUS_EAUTH, "no JSON object",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdfXt9.AmxlWVB80I2jSz8CDU0vnBkh11vwgShPE0cYpNHGNBo"},
    {"sub absent", ZEUS_EAUTH, "sub is missing",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzY29wZXMiOlsiZ3B1LXJlYWQiXX0.IBydXoP"
     "55dPO2iTEwWRovpAKP_W7imwEhjad9RIdYHE"},
    {"sub null", ZEUS_EAUTH, "sub is no string",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOm51bGwsInNjb3BlcyI6WyJncHUtcmV"
     "hZCJdfQ.wiiGaEFC11e_7CMOkqADnceemO3IIvK0BD6n_RdDaAA"},
    {"sub number", ZEUS_EAUTH, "sub is no string",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOjcsInNjb3BlcyI6WyJncHUtcmVhZCJ"
     "dfQ.7Wa3H8cgj-RRmgs_wdDDp7nIJ-I7lk1M0GXlqAEcGMo"},
    {"sub with U+0000", ZEUS_EAUTH, "sub is too long or holds U+0000",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhXHUwMDAwYiIsInNjb3BlcyI6WyJ"
     "ncHUtcmVhZCJdfQ.8FxYkkgA6Tsv0U5NJjSEByZe0oj4eye8WIbzHfPhFK0"},
    {"sub too long", ZEUS_EAUTH, "sub is too long",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4Iiwic2NvcGVzIjpbImdwdS1yZWFkIl1"
     "9.4GNYNs0p0Q2-bA1vKoe-vlaQICbAmCWvZtWwLOXAqaQ"},
    {"sub twice", ZEUS_EAUTH, "twice",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIiwic3ViIjoiYiIsInNjb3BlcyI"
     "6W119.3mch8AyYi8oFeyTb0qurnodhZupO28GmrL85tGU3eXM"},
    {"scopes absent", ZEUS_EAUTH, "scopes is missing",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.nd0z0cCFL89hCauSnq"
     "HE-oDQzu-h3Gi2MKek4cLtKRQ"},
    {"scopes null", ZEUS_EAUTH, "scopes is no array",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6bnVsbH0"
     ".xD8MZpPoxxcARDRd8trnOwrl-phkt74VJw83zvYBYb8"},
    {"scopes string", ZEUS_EAUTH, "scopes is no array",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6ImdwdS1"
     "yZWFkIn0.W0vNZmlXMA_v9ay2xNQR2nPvdKSzVG-V_UZEGGVrHDQ"},
    {"one unknown scope", ZEUS_EAUTH, "unknown API group",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCIsImFkbWluIl19.euGN4LQSeBTAl44Ue1tv3Q0txOqHmcECQx0-ICPNoPI"},
    {"scope in capitals", ZEUS_EAUTH, "unknown API group",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJHUFU"
     "tUkVBRCJdfQ.3kBmKqHbcr0Gku62gS3eLDLgK0K0JuvHo7TQnlHvZ3U"},
    {"scope number", ZEUS_EAUTH, "something else than strings",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCIsMV19.kDW32ryy9MIripsAuy48jpWEYmkWk7M2MiE7446sxSE"},
    {"scope list", ZEUS_EAUTH, "something else than strings",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6W1siZ3B"
     "1LXJlYWQiXV19.Lkaw785Lk-zXclveQIDik-WMiTIrRQEppawXvWsJ98I"},
    {"scopes without end", ZEUS_EAUTH, "too many",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCIsImdwdS1yZWFkIiwiZ3B1LXJlYWQiLCJncHUtcmVhZCIsImdwdS1yZWFkIiwiZ3B1LXJ"
     "lYWQiLCJncHUtcmVhZCIsImdwdS1yZWFkIiwiZ3B1LXJlYWQiLCJncHUtcmVhZCIsImdwdS1yZWF"
     "kIiwiZ3B1LXJlYWQiLCJncHUtcmVhZCIsImdwdS1yZWFkIiwiZ3B1LXJlYWQiLCJncHUtcmVhZCI"
     "sImdwdS1yZWFkIiwiZ3B1LXJlYWQiLCJncHUtcmVhZCIsImdwdS1yZWFkIiwiZ3B1LXJlYWQiLCJ"
     "ncHUtcmVhZCIsImdwdS1yZWFkIiwiZ3B1LXJlYWQiLCJncHUtcmVhZCIsImdwdS1yZWFkIiwiZ3B"
     "1LXJlYWQiLCJncHUtcmVhZCIsImdwdS1yZWFkIiwiZ3B1LXJlYWQiLCJncHUtcmVhZCIsImdwdS1"
     "yZWFkIiwiZ3B1LXJlYWQiLCJncHUtcmVhZCIsImdwdS1yZWFkIiwiZ3B1LXJlYWQiLCJncHUtcmV"
     "hZCIsImdwdS1yZWFkIiwiZ3B1LXJlYWQiLCJncHUtcmVhZCIsImdwdS1yZWFkIiwiZ3B1LXJlYWQ"
     "iLCJncHUtcmVhZCIsImdwdS1yZWFkIiwiZ3B1LXJlYWQiLCJncHUtcmVhZCIsImdwdS1yZWFkIiw"
     "iZ3B1LXJlYWQiLCJncHUtcmVhZCIsImdwdS1yZWFkIiwiZ3B1LXJlYWQiLCJncHUtcmVhZCIsImd"
     "wdS1yZWFkIiwiZ3B1LXJlYWQiLCJncHUtcmVhZCIsImdwdS1yZWFkIiwiZ3B1LXJlYWQiLCJncHU"
     "tcmVhZCIsImdwdS1yZWFkIiwiZ3B1LXJlYWQiLCJncHUtcmVhZCIsImdwdS1yZWFkIiwiZ3B1LXJ"
     "lYWQiLCJncHUtcmVhZCIsImdwdS1yZWFkIl19.YLudkykjDagF1HoH4ulk9TtiwGbPMT1OO054Ko"
     "af8Qs"},
    {"exp float", ZEUS_EAUTH, "exp is no whole number",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOjE4MDAwMDAwMDAuNX0.LIIzRTwRgW6RiJj17Dqn1If1ea08C8Y-08_4Oz7"
     "WKZc"},
    {"exp whole float", ZEUS_EAUTH, "exp is no whole number",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOjE4MDAwMDAwMDAuMH0.-IKOi2kEiLbz82MCwMkV65V_lxIlowHjHX-hWKP"
     "wLPY"},
    {"exp exponent", ZEUS_EAUTH, "exp is no whole",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIiwic2NvcGVzIjpbXSwiZXhwIjo"
     "xZTEyfQ.y1cO7Hrt4hstCrkPPsMbBqCpGwaIOgBhjVb9IsGHg0k"},
    {"exp string", ZEUS_EAUTH, "exp is no whole number",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOiIxODAwMDAwMDA5In0.vEhegv01xRyPKFcjc3CzL0IxTpy2Lg2FboRuHay"
     "0zy8"},
    {"exp negative", ZEUS_EAUTH, "exp is no whole number",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOi0xfQ.RAlZEfpT8unQkFul5pQ9WvmOAO4X9PrGLM3qwb40Abg"},
    {"exp past 64 bits", ZEUS_EAUTH, "exp is no whole number",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOjE4NDQ2NzQ0MDczNzA5NTUxNjE2fQ.84DpZ-jaVsYSroSUtLIvjNMOqohf"
     "qdZDzN44hAY9i1g"},
    {"exp true", ZEUS_EAUTH, "exp is no whole number",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJleHAiOnRydWV9.BNzRAqp5E8KL2ah4Jn4Ly98XWNgKh_8HmLUaFbtmIBs"},
    {"exp NaN", ZEUS_EAUTH, "no JSON object",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIiwic2NvcGVzIjpbXSwiZXhwIjp"
     "OYU59.3DquFo_jXH7M3Ylmp3ZHPmP7leHsl2skviyF4t5-HpM"},
    {"exp twice", ZEUS_EAUTH, "twice",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIiwic2NvcGVzIjpbXSwiZXhwIjo"
     "xLCJleHAiOjk5OTk5OTk5OTl9.HrKAEeZ_m5eOLBA2VUsT-LUhKVcTiUfBk9SNGAelxTM"},
    {"iat broken", ZEUS_EAUTH, "no JSON object",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpYXQiOls1IHhdfQ.olGZa7rJaaHs3Dr6bxx1"
     "A53l3sZIViATWDsSpEUqhic"},
    {"aud string", ZEUS_EAUTH, "audience",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJhdWQiOiJ6ZXVzZCJ9.pXrQrHMDaegI2UAXshcHSxKBxybfmLMidADHTOAVBxs"},
    {"aud list", ZEUS_EAUTH, "audience",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJhdWQiOlsiemV1c2QiLCJ4Il19.191Lm36oztZaZSUxh6sZL2-Os0AX5VriB4IEJR"
     "jiD08"},
    {"aud empty list", ZEUS_EAUTH, "audience",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJhdWQiOltdfQ.4kFVpY9GyjcLXgbJf_dlD3IxYiQbctjS1Pg5Zn0Jmwo"},
    {"too long", ZEUS_EAUTH, "too long",
     "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsInNjb3BlcyI6WyJncHU"
     "tcmVhZCJdLCJwYWQiOiJ4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh"
     "4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eCJ9.2O-mluA7vPuijNe61OYTR5izaW"
     "fGyLf-9IM0aaKQaHY"},
};
/* clang-format on */

#endif /* ZEUS_TESTS_JWT_VECTORS_H */

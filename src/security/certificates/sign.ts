/**
 * Makes X.509 certificates (RFC 5280). The library that writes their ASN.1 takes 50-90 ms and 15 MB to load, so it is
 * loaded with the first certificate that is made, and never where nothing is encrypted.
 */
import { createHash, createPublicKey, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';

interface CertificateContent {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  readonly notBefore: number;
  readonly notAfter: number;
  /**
   * `server`: for a listener; nobody can log in at the bus of a cluster with such a certificate. `client`: for logging in
   * there, and for nothing else. `authority`: signs other certificates, but none of a further authority.
   */
  readonly usage: 'server' | 'client' | 'authority';
  readonly dnsNames?: readonly string[];
  readonly addresses?: readonly string[];
}

/** Who signs. `certificate`: the signer's own, in PEM; null when the new certificate is signed with its own key. */
interface Signer {
  readonly certificate: string | null;
  readonly key: KeyObject;
}

const oids = {
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  subjectAlternativeName: '2.5.29.17',
  subjectKeyIdentifier: '2.5.29.14',
  authorityKeyIdentifier: '2.5.29.35',
  commonName: '2.5.4.3',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** What our authorities can sign with: what every TLS library of the last ten years verifies. */
export function signatureOf(
  key: KeyObject,
): { readonly oid: string; readonly hash: string; readonly isRsa: boolean } | null {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === 'rsa') return { oid: '1.2.840.113549.1.1.11', hash: 'sha256', isRsa: true };
  if (curve === 'prime256v1') return { oid: '1.2.840.10045.4.3.2', hash: 'sha256', isRsa: false };
  if (curve === 'secp384r1') return { oid: '1.2.840.10045.4.3.3', hash: 'sha384', isRsa: false };
  return null;
}

/** The certificate in PEM. */
export async function signCertificate(content: CertificateContent, signer: Signer): Promise<string> {
  const [x509, { AsnConvert, OctetString }] = await Promise.all([
    import('@peculiar/asn1-x509'),
    import('@peculiar/asn1-schema'),
  ]);
  const signature = signatureOf(signer.key);
  if (!signature) throw new Error('certificates are signed with RSA, P-256 or P-384 keys');
  const algorithm = new x509.AlgorithmIdentifier({
    algorithm: signature.oid,
    ...(signature.isRsa ? { parameters: null } : {}),
  });
  const publicKey = content.publicKey.export({ type: 'spki', format: 'der' });
  const subject = new x509.Name([
    new x509.RelativeDistinguishedName([
      new x509.AttributeTypeAndValue({
        type: oids.commonName,
        value: new x509.AttributeValue({ utf8String: content.commonName }),
      }),
    ]),
  ]);
  const issuer =
    signer.certificate === null ? null : AsnConvert.parse(derOf(signer.certificate), x509.Certificate);
  const extension = (extnID: string, value: object, critical = false) =>
    new x509.Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
  const body = new x509.TBSCertificate({
    version: x509.Version.v3,
    serialNumber: newSerialNumber(),
    signature: algorithm,
    issuer: issuer?.tbsCertificate.subject ?? subject,
    validity: new x509.Validity({
      notBefore: new Date(content.notBefore),
      notAfter: new Date(content.notAfter),
    }),
    subject,
    subjectPublicKeyInfo: AsnConvert.parse(publicKey, x509.SubjectPublicKeyInfo),
    extensions: new x509.Extensions([
      extension(oids.basicConstraints, constraints(), true),
      extension(oids.keyUsage, new x509.KeyUsage(keyUsage()), true),
      ...(content.usage === 'authority'
        ? []
        : [extension(oids.extendedKeyUsage, new x509.ExtendedKeyUsage([oids[`${content.usage}Auth`]]))]),
      ...(alternativeNames().length === 0
        ? []
        : [extension(oids.subjectAlternativeName, new x509.SubjectAlternativeName(alternativeNames()))]),
      extension(oids.subjectKeyIdentifier, new x509.SubjectKeyIdentifier(keyIdentifier(publicKey))),
      extension(
        oids.authorityKeyIdentifier,
        new x509.AuthorityKeyIdentifier({ keyIdentifier: new x509.KeyIdentifier(issuerKeyIdentifier()) }),
      ),
    ]),
  });
  const signed = new x509.Certificate({
    tbsCertificate: body,
    signatureAlgorithm: algorithm,
    signatureValue: arrayBuffer(sign(signature.hash, Buffer.from(AsnConvert.serialize(body)), signer.key)),
  });
  return pemOf(Buffer.from(AsnConvert.serialize(signed)));

  function constraints() {
    return content.usage === 'authority'
      ? new x509.BasicConstraints({ cA: true, pathLenConstraint: 0 })
      : new x509.BasicConstraints({});
  }

  function keyUsage(): number {
    const { keyCertSign, cRLSign, digitalSignature } = x509.KeyUsageFlags;
    return content.usage === 'authority' ? keyCertSign | cRLSign : digitalSignature;
  }

  function alternativeNames() {
    const { dnsNames = [], addresses = [] } = content;
    return [
      ...dnsNames.map((dNSName) => new x509.GeneralName({ dNSName })),
      ...addresses.map((iPAddress) => new x509.GeneralName({ iPAddress })),
    ];
  }

  /** The key identifier that the issuer's certificate states. Another program may have made that, and computed it in another way. */
  function issuerKeyIdentifier(): ArrayBuffer {
    const stated = issuer?.tbsCertificate.extensions?.find(
      ({ extnID }) => extnID === oids.subjectKeyIdentifier,
    );
    if (stated) return AsnConvert.parse(stated.extnValue.buffer, x509.SubjectKeyIdentifier).buffer;
    const { key } = signer;
    return keyIdentifier(createPublicKey(key).export({ type: 'spki', format: 'der' }));
  }
}

/** 127 bits at random, positive, its first octet not zero. */
function newSerialNumber(): ArrayBuffer {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return arrayBuffer(bytes);
}

/** A key identifier may be any value that is always the same for the same key (RFC 7093). */
const keyIdentifier = (publicKey: Buffer): ArrayBuffer =>
  arrayBuffer(createHash('sha256').update(publicKey).digest().subarray(0, 20));

function arrayBuffer(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

const derOf = (pem: string): Buffer => new X509Certificate(pem).raw;

function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

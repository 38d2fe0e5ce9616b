using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace Skylight.Cli.Demo;

/// <summary>UIDs of the form 2.25.N (PS3.5 §B.2) that follow from a seed and a name, so that the same demo is the same studies.</summary>
internal sealed class DemoUids(ulong seed)
{
    public string Of(string name)
    {
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"skylight-demo/{seed}/{name}")));
        // The layout of a UUID of version 8, variant 1, as the standard's form of derived UIDs expects one.
        digest[6] = (byte)((digest[6] & 0x0F) | 0x80);
        digest[8] = (byte)((digest[8] & 0x3F) | 0x80);
        return "2.25." + new BigInteger(digest.AsSpan(0, 16), isUnsigned: true, isBigEndian: true).ToString(CultureInfo.InvariantCulture);
    }
}

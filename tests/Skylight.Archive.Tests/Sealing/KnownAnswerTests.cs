using Skylight.Archive.Keys;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Tests.Sealing;

/// <summary>Published vectors, and the format held fast by an object that another program made.</summary>
public sealed class KnownAnswerTests
{
    [Fact]
    public void Sm4Gcm_Rfc8998AppendixA1_Agrees()
    {
        var plain = Convert.FromHexString("AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDDEEEEEEEEEEEEEEEEFFFFFFFFFFFFFFFFEEEEEEEEEEEEEEEEAAAAAAAAAAAAAAAA");
        var (cipherText, tag) = Seal(
            SealAlgorithm.Sm4Gcm, "0123456789ABCDEFFEDCBA9876543210", "00001234567800000000ABCD", "FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2", plain);
        Assert.Equal("17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D", cipherText);
        Assert.Equal("83DE3541E4C2B58177E065A9BF7B62EC", tag);
    }

    [Fact]
    public void Aes256Gcm_NistTestCase16_Agrees()
    {
        var plain = Convert.FromHexString("D9313225F88406E5A55909C5AFF5269A86A7A9531534F7DA2E4C303D8A318A721C3C0C95956809532FCF0E2449A6B525B16AEDF5AA0DE657BA637B39");
        var (cipherText, tag) = Seal(
            SealAlgorithm.Aes256Gcm, "FEFFE9928665731C6D6A8F9467308308FEFFE9928665731C6D6A8F9467308308", "CAFEBABEFACEDBADDECAF888", "FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2", plain);
        Assert.Equal("522DC1F099567D07F47F37A32A84427D643A8CDCBFE5C0C97598A2BD2555D1AA8CB08E48590DBB3DA7B08B1056828838C5F61E6393BA7A0ABCC9F662", cipherText);
        Assert.Equal("76FC6ECE0F4E1768CDDF8853BB2D551B", tag);
    }

    [Fact]
    public async Task Read_ObjectOfVersion1MadeByAnotherProgram_ReturnsItsBytes()
    {
        using var key = new DataKey([.. Enumerable.Range(0, 32).Select(i => (byte)i)]);
        Assert.Equal("70a715ef305f59da3f414f2c62b23aa2", key.Id.ToString());
        var name = $"{Make.Folder}/ibaueq2eivdeoscjjjfuytkoj5ifcust.pack";
        var store = new MemoryObjectStore();
        store.Objects[name] = await File.ReadAllBytesAsync(Path.Combine(AppContext.BaseDirectory, "golden", "sealed-v1.pack"));
        var expected = Enumerable.Range(0, 5000).Select(i => (byte)(i % 251)).ToArray();
        Assert.Equal(expected, await SealedObjectReader.ReadAllAsync(store, name, SealedType.Pack, key, default));
    }

    private static (string CipherText, string Tag) Seal(SealAlgorithm algorithm, string key, string nonce, string associated, byte[] plain)
    {
        using var cipher = SegmentCipher.Create(algorithm, Convert.FromHexString(key));
        var (cipherText, tag) = (new byte[plain.Length], new byte[16]);
        cipher.Seal(Convert.FromHexString(nonce), Convert.FromHexString(associated), plain, cipherText, tag);
        var opened = new byte[plain.Length];
        Assert.True(cipher.Open(Convert.FromHexString(nonce), Convert.FromHexString(associated), cipherText, tag, opened));
        Assert.Equal(plain, opened);
        return (Convert.ToHexString(cipherText), Convert.ToHexString(tag));
    }
}

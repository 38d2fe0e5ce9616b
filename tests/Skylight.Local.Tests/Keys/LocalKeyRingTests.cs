using Azure.Core.Cryptography;
using Skylight.Archive.Keys;
using Skylight.Conformance;
using Skylight.Core.Keys;
using Skylight.Local.Keys;
using Skylight.Local.Sqlite;

namespace Skylight.Local.Tests.Keys;

public sealed class LocalKeyRingTests : KeyRingConformance, IDisposable
{
    private const int Iterations = 1000;

    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-").FullName;
    private readonly LocalKeyRing _ring;

    public LocalKeyRingTests() => _ring = LocalKeyRing.Create(PathOf("ring.json"), null, TimeProvider.System);

    protected override IKeyEncryptionKeyResolver Ring => _ring;

    protected override string KeyId => "local:hospital-a";

    protected override string MissingKeyId => "local:hospital-a/99";

    protected override string Algorithm => "A256KW";

    public void Dispose()
    {
        _ring.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("correct horse 电池")]
    public void Open_Again_UnwrapsWhatWasWrapped(string? passphrase)
    {
        var key = new byte[32];
        string id;
        byte[] wrapped;
        using (var ring = LocalKeyRing.Create(PathOf("a.json"), passphrase, TimeProvider.System, Iterations))
        {
            var kek = ring.Resolve("local:hospital-a");
            (id, wrapped) = (kek.KeyId, kek.WrapKey("A256KW", key));
        }

        using var again = LocalKeyRing.Open(PathOf("a.json"), passphrase, TimeProvider.System);
        Assert.Equal("local:hospital-a/1", id);
        Assert.Equal(id, again.Resolve("local:hospital-a").KeyId);
        Assert.Equal(key, again.Resolve(id).UnwrapKey("A256KW", wrapped));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(PathOf("a.json")));
    }

    [Fact]
    public void Open_WrongOrMissingPassphrase_SaysWhich()
    {
        LocalKeyRing.Create(PathOf("a.json"), "right", TimeProvider.System, Iterations).Dispose();
        Assert.Equal(KeyRingFault.WrongPassphrase, Fault(() => LocalKeyRing.Open(PathOf("a.json"), "wrong", TimeProvider.System)));
        Assert.Equal(KeyRingFault.PassphraseNeeded, Fault(() => LocalKeyRing.Open(PathOf("a.json"), null, TimeProvider.System)));
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherWrite)]
    public void Open_FileOpenToOthers_IsRefused(UnixFileMode extra)
    {
        File.SetUnixFileMode(PathOf("ring.json"), UnixFileMode.UserRead | UnixFileMode.UserWrite | extra);
        Assert.Equal(KeyRingFault.OpenToOthers, Fault(() => LocalKeyRing.Open(PathOf("ring.json"), null, TimeProvider.System)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"v\":9,\"keys\":[]}")]
    [InlineData("{\"v\":1,\"keys\":[{\"id\":\"local:a/1\",\"createdAt\":\"2026-01-01T00:00:00Z\",\"key\":\"AAAA\"}]}")]
    public void Open_Damaged_IsRefused(string text)
    {
        File.WriteAllText(PathOf("ring.json"), text);
        Assert.Equal(KeyRingFault.Damaged, Fault(() => LocalKeyRing.Open(PathOf("ring.json"), null, TimeProvider.System)));
    }

    [Fact]
    public void Open_KeysSwappedUnderAPassphrase_IsNoticed()
    {
        using (var ring = LocalKeyRing.Create(PathOf("a.json"), "right", TimeProvider.System, Iterations))
        {
            ring.Resolve("local:hospital-a");
            ring.Resolve("local:hospital-b");
        }

        var text = File.ReadAllText(PathOf("a.json"));
        File.WriteAllText(PathOf("a.json"), text.Replace("hospital-a", "x", StringComparison.Ordinal).Replace("hospital-b", "hospital-a", StringComparison.Ordinal));
        Assert.Equal(KeyRingFault.WrongPassphrase, Fault(() => LocalKeyRing.Open(PathOf("a.json"), "right", TimeProvider.System)));
    }

    [Fact]
    public void OpenOrCreate_RingLost_IsNeverReplacedByANewOne()
    {
        LocalKeyRing.OpenOrCreate(_folder, new KeyRingOptions(), TimeProvider.System).Dispose();
        LocalKeyRing.OpenOrCreate(_folder, new KeyRingOptions(), TimeProvider.System).Dispose();
        File.Delete(PathOf("keys.json"));
        Assert.Equal(KeyRingFault.Missing, Fault(() => LocalKeyRing.OpenOrCreate(_folder, new KeyRingOptions(), TimeProvider.System)));
    }

    [Fact]
    public void OpenOrCreate_PassphraseFile_ProtectsAndIsCheckedItself()
    {
        var file = PathOf("passphrase");
        File.WriteAllText(file, "a long secret\n");
        var options = new KeyRingOptions { PassphraseFile = file };
        Assert.Equal(KeyRingFault.OpenToOthers, Fault(() => LocalKeyRing.OpenOrCreate(_folder, options, TimeProvider.System)));
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        LocalKeyRing.OpenOrCreate(_folder, options, TimeProvider.System).Dispose();
        LocalKeyRing.Open(PathOf("keys.json"), "a long secret", TimeProvider.System).Dispose();
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("          \n")]
    [InlineData("1234567\n")]
    public void OpenOrCreate_PassphraseFileWithoutAPassphrase_IsRefused(string text)
    {
        var file = PathOf("passphrase");
        File.WriteAllText(file, text);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.Equal(KeyRingFault.PassphraseNeeded, Fault(() => LocalKeyRing.OpenOrCreate(_folder, new KeyRingOptions { PassphraseFile = file }, TimeProvider.System)));
        Assert.False(File.Exists(PathOf("keys.json")));
    }

    [Fact]
    public void OpenOrCreate_RingWithoutAPassphrase_SealsItUnderTheOneThatIsConfigured()
    {
        byte[] key = new byte[32], wrapped;
        using (var plain = LocalKeyRing.OpenOrCreate(_folder, new KeyRingOptions(), TimeProvider.System)) wrapped = plain.Resolve("local:hospital-a").WrapKey("A256KW", key);
        var clear = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(PathOf("keys.json"))).RootElement.GetProperty("keys")[1].GetProperty("key").GetString()!;
        using (var ring = LocalKeyRing.OpenOrCreate(_folder, Options("a long secret"), TimeProvider.System))
            Assert.Equal(key, ring.Resolve("local:hospital-a/1").UnwrapKey("A256KW", wrapped));
        Assert.DoesNotContain(clear, File.ReadAllText(PathOf("keys.json")), StringComparison.Ordinal);
        Assert.Equal(KeyRingFault.PassphraseNeeded, Fault(() => LocalKeyRing.Open(PathOf("keys.json"), null, TimeProvider.System)));
        using var again = LocalKeyRing.OpenOrCreate(_folder, Options("a long secret"), TimeProvider.System);
        Assert.Equal(key, again.Resolve("local:hospital-a/1").UnwrapKey("A256KW", wrapped));
        Assert.Equal("local:hospital-a/2", again.Rotate("hospital-a"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("pw")]
    [InlineData("a long secret")]
    public void ChangePassphrase_OfAnyRing_KeepsItsKeysUnderTheNewOneAlone(string? before)
    {
        byte[] key = new byte[32], wrapped;
        using (var first = LocalKeyRing.Create(PathOf("keys.json"), before, TimeProvider.System, Iterations)) wrapped = first.Resolve("local:hospital-a").WrapKey("A256KW", key);
        var was = File.ReadAllBytes(PathOf("keys.json"));
        if (before is not null) Assert.Equal(KeyRingFault.WrongPassphrase, Fault(() => Changed("another secret", Options("wrong secret"), null)));
        Assert.Equal(KeyRingFault.PassphraseNeeded, Fault(() => Changed("short", new KeyRingOptions(), before ?? "any")));
        Assert.Equal(was, File.ReadAllBytes(PathOf("keys.json")));

        LocalKeyRing.ChangePassphrase(_folder, before is null ? new KeyRingOptions() : Options(before), null, "another secret", TimeProvider.System);
        if (before is not null) Assert.Equal(KeyRingFault.WrongPassphrase, Fault(() => LocalKeyRing.Open(PathOf("keys.json"), before, TimeProvider.System)));
        Assert.Equal(KeyRingFault.PassphraseNeeded, Fault(() => LocalKeyRing.Open(PathOf("keys.json"), null, TimeProvider.System)));
        using var ring = LocalKeyRing.OpenOrCreate(_folder, Options("another secret"), TimeProvider.System);
        Assert.Equal(key, ring.Resolve("local:hospital-a/1").UnwrapKey("A256KW", wrapped));
        Assert.Equal("local:hospital-a/2", ring.Rotate("hospital-a"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(PathOf("keys.json")));

        LocalKeyRing Changed(string passphrase, KeyRingOptions options, string? old)
        {
            LocalKeyRing.ChangePassphrase(_folder, options, old, passphrase, TimeProvider.System);
            throw new InvalidOperationException("It was changed.");
        }
    }

    [Fact]
    public void OpenOf_FolderOfARunningHost_LeavesItAlone()
    {
        Assert.Equal(KeyRingFault.Missing, Fault(() => LocalKeyRing.OpenOf(_folder, new KeyRingOptions(), TimeProvider.System)));
        Assert.False(File.Exists(PathOf("keys.json")));
        LocalKeyRing.OpenOrCreate(_folder, new KeyRingOptions(), TimeProvider.System).Dispose();
        var bytes = File.ReadAllBytes(PathOf("keys.json"));
        LocalKeyRing.OpenOf(_folder, Options("a long secret"), TimeProvider.System).Dispose();
        LocalKeyRing.Open(PathOf("keys.json"), "a long secret", TimeProvider.System).Dispose();
        Assert.Equal(bytes, File.ReadAllBytes(PathOf("keys.json")));
    }

    [Fact]
    public void OpenOrCreate_RingUnderAShortPassphraseOfBefore_IsOpened()
    {
        LocalKeyRing.Create(PathOf("keys.json"), "pw", TimeProvider.System, Iterations).Dispose();
        LocalKeyRing.OpenOrCreate(_folder, Options("pw"), TimeProvider.System).Dispose();
    }

    [Theory]
    [InlineData("objects/hospital-a/study/1.pack")]
    [InlineData("restore.pending.json")]
    public void OpenOrCreate_WhereAnArchiveIsOrComes_MakesNoRing(string name)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
        File.WriteAllText(PathOf(name), "");
        Assert.Equal(KeyRingFault.Missing, Fault(() => LocalKeyRing.OpenOrCreate(_folder, new KeyRingOptions(), TimeProvider.System)));
        Assert.False(File.Exists(PathOf("keys.json")));
    }

    [Fact]
    public void ToString_OfAnythingWithAKey_ShowsNone()
    {
        var hex = Convert.ToHexString(File.ReadAllBytes(PathOf("ring.json")));
        Assert.NotEmpty(hex);
        Assert.Equal("key ring", _ring.ToString());
        Assert.Equal("local:hospital-a/1", _ring.Resolve("local:hospital-a").ToString());
    }

    [Fact]
    public void AesKeyWrap_Rfc3394Section46_Agrees()
    {
        var kek = Convert.FromHexString("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
        var key = Convert.FromHexString("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F");
        var wrapped = AesKeyWrap.Wrap(kek, key);
        Assert.Equal("28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21", Convert.ToHexString(wrapped));
        Assert.Equal(key, AesKeyWrap.Unwrap(kek, wrapped));
    }

    [Fact]
    public async Task StudyKeys_OnTheRealParts_SurviveARestartAndARotation()
    {
        KeyId id;
        await using (var database = SqliteDatabase.Open(PathOf("records.db"), SqliteDurability.Full, SqliteDocuments.Schema))
        {
            using var keys = new StudyKeys(new DocumentKeyRecords(new SqliteDocuments(database)), _ring, new KeyEncryptionOptions(), TimeProvider.System);
            using var key = await keys.GetOrCreateAsync("hospital-a", "study-1", default);
            id = key.Id;
            _ring.Rotate("hospital-a");
            Assert.Equal(1, await keys.RewrapAsync("hospital-a", "study-1", default));
        }

        await using (var database = SqliteDatabase.Open(PathOf("records.db"), SqliteDurability.Full, SqliteDocuments.Schema))
        {
            var records = new DocumentKeyRecords(new SqliteDocuments(database));
            using var ring = LocalKeyRing.Open(PathOf("ring.json"), null, TimeProvider.System);
            using var keys = new StudyKeys(records, ring, new KeyEncryptionOptions(), TimeProvider.System);
            (await keys.GetAsync("hospital-a", "study-1", id, default)).Dispose();
            var listed = (await records.ListAsync("hospital-a", 10, null, default)).Items;
            Assert.Equal("local:hospital-a/2", Assert.Single(Assert.Single(listed).Record.Keys).Kek);
        }
    }

    protected override Task RotateAsync()
    {
        _ring.Rotate("hospital-a");
        return Task.CompletedTask;
    }

    private KeyRingOptions Options(string passphrase)
    {
        File.WriteAllText(PathOf("passphrase"), passphrase + "\n");
        File.SetUnixFileMode(PathOf("passphrase"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return new KeyRingOptions { PassphraseFile = PathOf("passphrase") };
    }

    private static KeyRingFault Fault(Func<LocalKeyRing> open) => Assert.Throws<KeyRingException>(() => open().Dispose()).Fault;

    private string PathOf(string name) => Path.Combine(_folder, name);
}

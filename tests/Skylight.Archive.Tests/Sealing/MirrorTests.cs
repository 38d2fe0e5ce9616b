using System.IO.Pipelines;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Packs;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Tests.Sealing;

/// <summary>Of two copies either may be damaged anywhere: whatever one of them still has is read, and nothing else ever is.</summary>
public sealed class MirrorTests : IDisposable
{
    private const int Segment = 4096;
    private const int Stride = Segment + SealedHeader.TagBytes;

    private readonly MemoryObjectStore _first = new();
    private readonly MemoryObjectStore _second = new();
    private readonly DataKey _key = DataKey.Create();
    private readonly List<string> _fellBack = [];
    private readonly MirroredObjectStore _store;

    public MirrorTests() => _store = new MirroredObjectStore(_first, _second, _fellBack.Add);

    public void Dispose() => _key.Dispose();

    [Fact]
    public async Task Read_BothWhole_NeverAsksTheSecond()
    {
        var (reference, plain) = await StoreAsync(3 * Segment);
        Assert.Equal(plain, await Make.ReadAsync(_store, reference, _key, 0, plain.Length));
        Assert.Equal(plain, await SealedObjectReader.ReadAllAsync(_store, reference.Name, SealedType.Pack, _key, default));
        Assert.Empty(_second.Reads);
        Assert.Empty(_fellBack);
    }

    [Fact]
    public async Task Read_AnySingleBitOfTheFirstFlipped_GivesTheSecond()
    {
        var (reference, plain) = await StoreAsync(Segment + 40);
        var bytes = _first.Objects[reference.Name];
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            _fellBack.Clear();
            Assert.Equal(plain, await Make.ReadAsync(_store, reference, _key, 0, plain.Length));
            Assert.Equal(plain, await SealedObjectReader.ReadAllAsync(_store, reference, SealedType.Pack, _key, default));
            Assert.Equal(plain, await SealedObjectReader.ReadAllAsync(_store, reference.Name, SealedType.Pack, _key, default));
            Assert.Equal([reference.Name, reference.Name, reference.Name], _fellBack);
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public async Task Read_FirstCutAnywhere_GivesTheSecond()
    {
        var (reference, plain) = await StoreAsync((2 * Segment) + 100);
        var whole = _first.Objects[reference.Name];
        for (var length = 0; length < whole.Length; length += 97)
        {
            _first.Objects[reference.Name] = whole[..length];
            Assert.Equal(plain, await Make.ReadAsync(_store, reference, _key, 0, plain.Length));
            Assert.Equal(plain, await SealedObjectReader.ReadAllAsync(_store, reference.Name, SealedType.Pack, _key, default));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Copy_DamagedInTheMiddle_GoesOnFromTheSecond(bool toStream)
    {
        var (reference, plain) = await StoreAsync(40 * Segment);
        Damage(_first, reference, 25);
        Assert.Equal(plain, await CopyAsync(reference, toStream));
        Assert.Equal([reference.Name], _fellBack);
        Assert.All(_second.Reads, read => Assert.True(read.Offset is 0 || read.Offset >= SealedHeader.Size + (25 * Stride), "what the first copy gave is not read again"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Copy_EachDamagedElsewhere_IsReadFromBoth(bool toStream)
    {
        var (reference, plain) = await StoreAsync(40 * Segment);
        foreach (var segment in (int[])[0, 7, 39]) Damage(_first, reference, segment);
        foreach (var segment in (int[])[3, 8, 38]) Damage(_second, reference, segment);
        Assert.Equal(plain, await CopyAsync(reference, toStream));
    }

    [Fact]
    public async Task Read_SameSegmentDamagedInBoth_IsTheDamageOfTheFirst()
    {
        var (reference, _) = await StoreAsync(4 * Segment);
        Damage(_first, reference, 2);
        Damage(_second, reference, 2);
        var error = await Assert.ThrowsAsync<SealedObjectException>(() => Make.ReadAsync(_store, reference, _key, 0, 4 * Segment));
        Assert.Equal((2L, SealedFault.NotAuthentic, reference.Name), (error.Segment, error.Fault, error.Name));
        Assert.Empty(_fellBack);
        Assert.Equal(Segment, (await Make.ReadAsync(_store, reference, _key, 0, Segment)).Length);
    }

    [Fact]
    public async Task Read_FirstMissing_GivesTheSecond_AndBothMissingIsMissing()
    {
        var (reference, plain) = await StoreAsync(2 * Segment);
        _first.Objects.Clear();
        Assert.Equal(plain, await Make.ReadAsync(_store, reference, _key, 0, plain.Length));
        Assert.Equal(plain, await SealedObjectReader.ReadAllAsync(_store, reference.Name, SealedType.Pack, _key, default));
        _second.Objects.Clear();
        await Assert.ThrowsAsync<ObjectMissingException>(() => Make.ReadAsync(_store, reference, _key, 0, plain.Length));
    }

    [Fact]
    public async Task Read_HeaderOfTheFirstSaysSmallerSegments_IsReadInThoseOfTheSecond()
    {
        var plain = Make.Bytes(3 * 65_536);
        var reference = await Make.StoreAsync(_first, _key, plain, new SealOptions { SegmentBytes = 65_536 });
        _second.Objects[reference.Name] = (byte[])_first.Objects[reference.Name].Clone();
        _first.Objects[reference.Name][14] = 12;
        Assert.Equal(plain[70_000..70_100], await Make.ReadAsync(_store, reference, _key, 70_000, 100));
        Assert.Equal(plain, await CopyAsync(reference, toStream: true));
        Assert.Equal(plain, await CopyAsync(reference, toStream: false));
    }

    [Fact]
    public async Task Read_SecondHasAnotherObject_IsRefused()
    {
        var (reference, _) = await StoreAsync(2 * Segment);
        var other = await Make.StoreAsync(_first, _key, Make.Bytes(2 * Segment, 9), Make.Small());
        _second.Objects[reference.Name] = _first.Objects[other.Name];
        Damage(_first, reference, 0);
        await Assert.ThrowsAsync<SealedObjectException>(() => Make.ReadAsync(_store, reference, _key, 0, Segment));
    }

    [Fact]
    public async Task Read_MediumDoesNotGiveItBack_GivesTheSecond()
    {
        var (reference, plain) = await StoreAsync(2 * Segment);
        var store = new MirroredObjectStore(new BadSectors(_first, SealedHeader.Size + Stride), _second, _fellBack.Add);
        Assert.Equal(plain, await SealedObjectReader.ReadAllAsync(store, reference.Name, SealedType.Pack, _key, default));
        Assert.Equal(plain[Segment..], await Make.ReadAsync(store, reference, _key, Segment, Segment));
    }

    [Fact]
    public async Task Verify_ReadsTheFirstAlone()
    {
        var (reference, _) = await StoreAsync(2 * Segment);
        Damage(_first, reference, 1);
        await Assert.ThrowsAsync<SealedObjectException>(() => Make.VerifyAsync(_store, reference, _key));
    }

    [Fact]
    public async Task PackReader_HeaderDamagedThenMended_IsReadFromTheFirstAgain()
    {
        var (reference, plain) = await StoreAsync(2 * Segment);
        var packs = new PackReader(_store, _key);

        // Another segment size: the header parses and the key is found, so only the segment tells.
        _first.Objects[reference.Name][14] ^= 1;
        var read = new byte[plain.Length];
        await packs.ReadAsync(reference, 0, read, default);
        Assert.Equal(plain, read);
        _first.Objects[reference.Name] = (byte[])_second.Objects[reference.Name].Clone();
        for (var i = 0; i < 2; i++) await packs.ReadAsync(reference, 0, read, default);
        var asked = _second.Reads.Count;
        await packs.ReadAsync(reference, 0, read, default);
        Assert.Equal(plain, read);
        Assert.Equal(asked, _second.Reads.Count);
    }

    private async Task<(SealedReference Reference, byte[] Plain)> StoreAsync(int bytes)
    {
        var plain = Make.Bytes(bytes);
        var reference = await Make.StoreAsync(_first, _key, plain, Make.Small());
        _second.Objects[reference.Name] = (byte[])_first.Objects[reference.Name].Clone();
        _second.Reads.Clear();
        return (reference, plain);
    }

    private async Task<byte[]> CopyAsync(SealedReference reference, bool toStream)
    {
        using var reader = await SealedObjectReader.OpenAsync(_store, reference, SealedType.Pack, _key, default);
        using var copy = new MemoryStream();
        if (toStream)
        {
            await reader.CopyToAsync(copy, 0, reference.Length, default);
            return copy.ToArray();
        }

        var pipe = PipeWriter.Create(copy, new StreamPipeWriterOptions(leaveOpen: true));
        await reader.CopyToAsync(pipe, 0, reference.Length, default);
        await pipe.CompleteAsync();
        return copy.ToArray();
    }

    private static void Damage(MemoryObjectStore store, SealedReference reference, int segment) => store.Objects[reference.Name][SealedHeader.Size + (segment * Stride) + 5] ^= 1;

    /// <summary>A disk that gives nothing back from a place on.</summary>
    private sealed class BadSectors(MemoryObjectStore inner, long from) : IObjectStore
    {
        public ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken) =>
            offset + destination.Length > from ? throw new ObjectUnreadableException(name, new IOException("EIO")) : inner.ReadAsync(name, offset, destination, cancellationToken);

        public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => inner.CreateAsync(name, cancellationToken);

        public ValueTask<long?> GetLengthAsync(string name, CancellationToken cancellationToken) => inner.GetLengthAsync(name, cancellationToken);

        public ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) => inner.DeleteAsync(name, cancellationToken);

        public IAsyncEnumerable<string> ListAsync(string prefix, CancellationToken cancellationToken) => inner.ListAsync(prefix, cancellationToken);

        public ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) => inner.SetTierAsync(name, tier, cancellationToken);

        public ValueTask<ObjectStatus?> GetStatusAsync(string name, CancellationToken cancellationToken) => inner.GetStatusAsync(name, cancellationToken);
    }
}

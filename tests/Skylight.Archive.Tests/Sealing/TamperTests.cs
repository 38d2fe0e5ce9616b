using Skylight.Archive.Keys;
using Skylight.Archive.Sealing;

namespace Skylight.Archive.Tests.Sealing;

/// <summary>Whatever is done to a sealed object on disk, its reader says so and returns nothing of it.</summary>
public sealed class TamperTests : IDisposable
{
    private const int Segment = 4096;
    private const int Stride = Segment + SealedHeader.TagBytes;

    private readonly MemoryObjectStore _store = new();
    private readonly DataKey _key = DataKey.Create();

    public void Dispose() => _key.Dispose();

    [Fact]
    public async Task Verify_AnySingleBitFlipped_IsDetected()
    {
        var reference = await Make.StoreAsync(_store, _key, Make.Bytes(Segment + 40), Make.Small());
        var bytes = _store.Objects[reference.Name];
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            var fault = await FaultAsync(reference);
            Assert.True(fault is not null, $"Flipping bit {bit} went unnoticed.");
            if (bit / 8 >= SealedHeader.Size) Assert.Equal(((long)(bit / 8 - SealedHeader.Size) / Stride, SealedFault.NotAuthentic), fault);
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        Assert.Equal(reference.Length, await Make.VerifyAsync(_store, reference, _key));
    }

    [Fact]
    public async Task Verify_AnyTruncation_IsDetected_WithOrWithoutTheReference()
    {
        var reference = await Make.StoreAsync(_store, _key, Make.Bytes((2 * Segment) + 100), Make.Small());
        var whole = _store.Objects[reference.Name];
        for (var length = 0; length < whole.Length; length++)
        {
            _store.Objects[reference.Name] = whole[..length];
            Assert.True(await FaultAsync(reference) is not null, $"Cutting to {length} bytes went unnoticed.");
            await Assert.ThrowsAsync<SealedObjectException>(async () => await SealedObjectReader.ReadAllAsync(_store, reference.Name, SealedType.Pack, _key, default));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(Stride)]
    public async Task Verify_BytesAppended_IsDetected(int count)
    {
        var reference = await Make.StoreAsync(_store, _key, Make.Bytes(2 * Segment), Make.Small());
        var whole = _store.Objects[reference.Name];
        _store.Objects[reference.Name] = [.. whole, .. whole.AsSpan(SealedHeader.Size, count)];
        Assert.NotNull(await FaultAsync(reference));
        await Assert.ThrowsAsync<SealedObjectException>(async () => await SealedObjectReader.ReadAllAsync(_store, reference, SealedType.Pack, _key, default));
        await Assert.ThrowsAsync<SealedObjectException>(async () => await SealedObjectReader.ReadAllAsync(_store, reference.Name, SealedType.Pack, _key, default));
    }

    [Fact]
    public async Task Verify_AnyTwoSegmentsSwapped_IsDetectedAtTheFirst()
    {
        var reference = await Make.StoreAsync(_store, _key, Make.Bytes(5 * Segment), Make.Small());
        var whole = _store.Objects[reference.Name];
        for (var a = 0; a < 5; a++)
        {
            for (var b = a + 1; b < 5; b++)
            {
                var bytes = (byte[])whole.Clone();
                Place(whole, b).CopyTo(Place(bytes, a));
                Place(whole, a).CopyTo(Place(bytes, b));
                _store.Objects[reference.Name] = bytes;
                Assert.Equal((a, SealedFault.NotAuthentic), await FaultAsync(reference));
            }
        }
    }

    [Fact]
    public async Task Verify_SegmentRepeatedOrRemoved_IsDetected()
    {
        var reference = await Make.StoreAsync(_store, _key, Make.Bytes(4 * Segment), Make.Small());
        var whole = _store.Objects[reference.Name];
        var repeated = (byte[])whole.Clone();
        Place(whole, 1).CopyTo(Place(repeated, 2));
        _store.Objects[reference.Name] = repeated;
        Assert.Equal((2, SealedFault.NotAuthentic), await FaultAsync(reference));

        // The last segment is put where the one before it was, as if the object had been that much shorter all along.
        var shorter = reference with { Length = 3 * Segment };
        _store.Objects[reference.Name] = [.. whole.AsSpan(0, SealedHeader.Size + (2 * Stride)), .. Place(whole, 3)];
        Assert.Equal((2, SealedFault.NotAuthentic), await FaultAsync(shorter));
        _store.Objects[reference.Name] = whole[..(SealedHeader.Size + (3 * Stride))];
        Assert.Equal((2, SealedFault.NotAuthentic), await FaultAsync(shorter));
    }

    [Fact]
    public async Task Verify_SegmentOfAnotherObjectOfTheSameStudy_IsDetected()
    {
        var plain = Make.Bytes(3 * Segment);
        var one = await Make.StoreAsync(_store, _key, plain, Make.Small());
        var other = await Make.StoreAsync(_store, _key, plain, Make.Small());
        for (var segment = 0; segment < 3; segment++)
        {
            var bytes = (byte[])_store.Objects[one.Name].Clone();
            Place(_store.Objects[other.Name], segment).CopyTo(Place(bytes, segment));
            var spliced = new MemoryObjectStore();
            spliced.Objects[one.Name] = bytes;
            using var reader = await SealedObjectReader.OpenAsync(spliced, one, SealedType.Pack, _key, default);
            var error = await Assert.ThrowsAsync<SealedObjectException>(async () => await reader.VerifyAsync(default));
            Assert.Equal((one.Name, (long)segment, SealedFault.NotAuthentic), (error.Name, error.Segment, error.Fault));
        }
    }

    [Fact]
    public async Task Open_AnotherWholeObjectUnderTheName_IsDetected()
    {
        var one = await Make.StoreAsync(_store, _key, Make.Bytes(100), Make.Small());
        var other = await Make.StoreAsync(_store, _key, Make.Bytes(100), Make.Small());
        _store.Objects[one.Name] = _store.Objects[other.Name];
        Assert.Equal((SealedObjectException.Header, SealedFault.WrongObject), await FaultAsync(one));
    }

    [Fact]
    public async Task Open_ObjectOfAnotherType_IsRefused()
    {
        var reference = await Make.StoreAsync(_store, _key, Make.Bytes(100), Make.Small(), SealedType.Metadata);
        Assert.Equal((SealedObjectException.Header, SealedFault.WrongType), await FaultAsync(reference));
    }

    [Fact]
    public async Task Open_WithAnotherKey_NamesTheKeyThatIsNeeded()
    {
        var reference = await Make.StoreAsync(_store, _key, Make.Bytes(100), Make.Small());
        using var other = DataKey.Create();
        var error = await Assert.ThrowsAsync<KeyUnavailableException>(() => Make.VerifyAsync(_store, reference, other));
        Assert.Equal(KeyFault.WrongKey, error.Fault);
        Assert.Contains(_key.Id.ToString(), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Copy_DamagedInTheMiddle_HasWrittenOnlyAuthenticBytesBeforeIt()
    {
        var plain = Make.Bytes(6 * Segment);
        var reference = await Make.StoreAsync(_store, _key, plain, Make.Small());
        _store.Objects[reference.Name][SealedHeader.Size + (3 * Stride) + 7] ^= 1;
        using var reader = await SealedObjectReader.OpenAsync(_store, reference, SealedType.Pack, _key, default);
        using var destination = new MemoryStream();
        var error = await Assert.ThrowsAsync<SealedObjectException>(() => reader.CopyToAsync(destination, 100, plain.Length - 100, default));
        Assert.Equal(3, error.Segment);
        Assert.Equal(plain[100..(3 * Segment)], destination.ToArray());
    }

    private static Span<byte> Place(byte[] bytes, int segment) => bytes.AsSpan(SealedHeader.Size + (segment * Stride), Stride);

    private async Task<(long Segment, SealedFault Fault)?> FaultAsync(SealedReference reference)
    {
        try
        {
            await Make.VerifyAsync(_store, reference, _key);
            return null;
        }
        catch (SealedObjectException error)
        {
            Assert.Equal(reference.Name, error.Name);
            return (error.Segment, error.Fault);
        }
        catch (KeyUnavailableException)
        {
            // A flipped bit of the key id in the header.
            return (SealedObjectException.Header, SealedFault.BadHeader);
        }
    }
}

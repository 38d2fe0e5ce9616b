using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Xml;
using Skylight.Dicom.Tests.Corpus;

namespace Skylight.Dicom.Tests.Reading;

public sealed class HostileInputTests
{
    [Fact]
    public void Append_TenMegabytesOfZeros_IsNotDicomAtOnce()
    {
        using var inspector = new InstanceInspector();
        var e = Assert.Throws<DicomFormatException>(() => inspector.Append(new byte[64 << 10]));
        Assert.Equal(DicomErrors.NotDicom, e.Code);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(131)]
    [InlineData(132)]
    public void Read_TooFewBytes_IsRefused(int length)
    {
        var bytes = new byte[length];
        if (length == 132) "DICM"u8.CopyTo(bytes.AsSpan(128));
        Assert.Throws<DicomFormatException>(() => DicomFile.Read(bytes));
    }

    [Fact]
    public void Read_HugeDeclaredLength_AllocatesNothingForIt()
    {
        var file = Samples.File(new DicomDataset().Set(DicomTags.SOPInstanceUID, "1.2.3"));
        // LO with four gigabytes that never come: OB 7FE0,0010 with length FFFFFFF0 at the end.
        byte[] element = [0xE0, 0x7F, 0x10, 0x00, (byte)'O', (byte)'B', 0, 0, 0xF0, 0xFF, 0xFF, 0xFF, 1, 2, 3];
        var before = GC.GetAllocatedBytesForCurrentThread();
        var e = Assert.Throws<DicomFormatException>(() => DicomFile.Read([.. file, .. element], new ReadOptions { MaxDatasetBytes = long.MaxValue }));
        Assert.Equal(DicomErrors.Truncated, e.Code);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
    }

    [Fact]
    public void Read_NestedTooDeep_IsRefusedWithItsPlace()
    {
        var dataset = new DicomDataset();
        for (var i = 0; i < 70; i++) dataset = new DicomDataset().Set(DicomTags.ContentSequence, dataset);
        var bytes = DicomWriter.ToArray(DicomFile.Of(dataset, TransferSyntax.ExplicitLittle), new WriteOptions { Lengths = LengthEncoding.Undefined });
        var e = Assert.Throws<DicomFormatException>(() => DicomFile.Read(bytes));
        Assert.Equal(DicomErrors.TooDeep, e.Code);
        Assert.StartsWith("(0040,A730)[1].(0040,A730)[1]", e.Path, StringComparison.Ordinal);
        Assert.True(e.Position > 0);
    }

    [Fact]
    public void Read_ManySmallElements_StopsAtTheLimit()
    {
        var item = new byte[8 << 20];
        // A private element of no length, over and over, with rising tags.
        for (var i = 0; i < item.Length / 8; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(item.AsSpan(i * 8), 0x0009_0000u >> 16 | (uint)(0x1000 + i) << 16);
            item[i * 8 + 4] = (byte)'L';
            item[i * 8 + 5] = (byte)'O';
        }

        byte[] file = [.. Samples.File(new DicomDataset().Set(DicomTags.SOPInstanceUID, "1.2.3")), .. item];
        var e = Assert.Throws<DicomFormatException>(() => DicomFile.Read(file, new ReadOptions { MaxDatasetBytes = 4 << 20 }));
        Assert.Equal(DicomErrors.TooLarge, e.Code);
    }

    [Fact]
    public void Inspect_DeflateBomb_IsRefusedWithinItsLimit()
    {
        var dataset = new DicomDataset().Set(DicomTags.SOPInstanceUID, "1.2.3");
        for (var i = 0; i < 300; i++) dataset.Set(new DicomTag(0x0009, (ushort)(0x1000 + i)), Vr.OB, new byte[60_000]);
        var bytes = DicomWriter.ToArray(DicomFile.Of(dataset, TransferSyntax.Deflated));
        Assert.True(bytes.Length < 100_000);
        using var inspector = new InstanceInspector(new InspectOptions { MaxDatasetBytes = 4 << 20 });
        Assert.Equal(DicomErrors.TooLarge, Assert.Throws<DicomFormatException>(() => inspector.Append(bytes)).Code);
    }

    [Fact]
    public void Read_Truncated_IsRefusedUnlessAllowed()
    {
        var bytes = Samples.File(Samples.Ct());
        var cut = bytes[..^100];
        Assert.Equal(DicomErrors.Truncated, Assert.Throws<DicomFormatException>(() => DicomFile.Read(cut)).Code);
        var file = DicomFile.Read(cut, new ReadOptions { AllowTruncated = true });
        Assert.Contains(file.Findings, f => f.Code == FindingCodes.Truncated);
        Assert.Equal("1.2.840.10008.5.1.4.1.1.2", file.Dataset.GetString(DicomTags.SOPClassUID));
    }

    /// <summary>Seeded mutations of valid files: nothing but DicomFormatException may come out, and every case ends. SKYLIGHT_FUZZ sets the number of cases.</summary>
    [Fact]
    public void Read_MutatedFiles_GivesResultOrFormatException()
    {
        var cases = Cases(3000);
        var seeds = Samples.Seeds().Concat(CorpusFiles.Small()).ToList();
        var random = new Random(20260101);
        for (var i = 0; i < cases; i++)
        {
            var bytes = Mutate(seeds[random.Next(seeds.Count)], random);
            try
            {
                Exercise(bytes, random.Next(1, 5000));
            }
            catch (DicomFormatException)
            {
                // The one refusal that is allowed.
            }
            catch (Exception e)
            {
                Assert.Fail($"case {i}: {e}\n{Convert.ToBase64String(bytes)}");
            }
        }
    }

    private static int Cases(int usual) => int.TryParse(Environment.GetEnvironmentVariable("SKYLIGHT_FUZZ"), out var n) ? n : usual;

    private static byte[] Mutate(byte[] seed, Random random)
    {
        var bytes = seed.ToArray();
        var changes = random.Next(1, 12);
        for (var c = 0; c < changes; c++)
        {
            var at = random.Next(bytes.Length);
            switch (random.Next(6))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 2: bytes.AsSpan(at, Math.Min(4, bytes.Length - at)).Fill(0xFF); break;
                case 3: bytes = bytes[..Math.Max(1, at)]; break;
                case 4: bytes = [.. bytes[..at], .. bytes.AsSpan(random.Next(bytes.Length / 2), random.Next(bytes.Length / 2)), .. bytes[at..]]; break;
                default: bytes.AsSpan(at, Math.Min(random.Next(1, 16), bytes.Length - at)).Clear(); break;
            }
        }

        return bytes;
    }

    private static void Exercise(byte[] bytes, int piece)
    {
        using var inspector = new InstanceInspector(new InspectOptions { AllowTruncated = true, MaxDatasetBytes = 16 << 20 });
        for (var at = 0; at < bytes.Length; at += piece) inspector.Append(bytes.AsSpan(at, Math.Min(piece, bytes.Length - at)));
        var found = inspector.Complete();
        for (var i = 0; i < Math.Min(found.Frames.Count, 5); i++) _ = found.Frames.GetFrame(i);
        Assert.Equal(found.Frames.ToBytes(), FrameTable.Parse(found.Frames.ToBytes()).ToBytes());
        var json = DicomJson.ToUtf8(found.Readable);
        _ = DicomJson.Read(json);
        _ = DicomDir.Read(found.Dataset);
        _ = PatientKeys.Identifiers(found.Readable);
        var file = DicomFile.Read(bytes, new ReadOptions { AllowTruncated = true, MaxDatasetBytes = 16 << 20 });
        _ = DicomWriter.ToArray(file, WriteOptions.AsRead);
        foreach (var finding in DicomValidator.Validate(found, ValidationOptions.Strict)) Assert.NotEqual("", finding.TextZh);
        using var xml = XmlWriter.Create(Stream.Null);
        DicomXml.Write(xml, found.Readable);
    }

    [Fact]
    public async Task Convert_MutatedFiles_GivesFileOrFormatException()
    {
        var seeds = Samples.Seeds().Concat(CorpusFiles.Small()).ToList();
        var random = new Random(20260102);
        for (var i = 0; i < Cases(500); i++)
        {
            var bytes = Mutate(seeds[random.Next(seeds.Count)], random);
            using var target = new MemoryStream();
            try
            {
                var source = PipeReader.Create(new MemoryStream(bytes), new StreamPipeReaderOptions(bufferSize: random.Next(200, 3000)));
                await ExplicitVrConverter.ConvertAsync(source, PipeWriter.Create(target), null, CancellationToken.None);
            }
            catch (DicomFormatException)
            {
                continue;
            }
            catch (Exception e)
            {
                Assert.Fail($"case {i}: {e}\n{Convert.ToBase64String(bytes)}");
            }
        }
    }

    [Fact]
    public void ReadJson_MutatedText_GivesDatasetOrFormatException()
    {
        var seeds = Samples.Seeds().Select(s => DicomJson.ToUtf8(DicomFile.Read(s, new ReadOptions { StopBeforePixelData = true }).Dataset)).ToList();
        var random = new Random(20260103);
        for (var i = 0; i < Cases(2000); i++)
        {
            var json = Mutate(seeds[random.Next(seeds.Count)], random);
            try
            {
                _ = DicomWriter.ToArray(DicomFile.Of(DicomJson.ReadMany(json)[0], TransferSyntax.ExplicitLittle));
            }
            catch (DicomFormatException)
            {
                continue;
            }
            catch (Exception e)
            {
                Assert.Fail($"case {i}: {e}\n{Convert.ToBase64String(json)}");
            }
        }
    }
}

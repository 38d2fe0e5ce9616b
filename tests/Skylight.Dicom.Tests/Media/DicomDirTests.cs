using Skylight.Dicom.Tests.Corpus;

namespace Skylight.Dicom.Tests.Media;

public sealed class DicomDirTests
{
    [Theory]
    [InlineData("data_test_files_dicomdirtests_DICOMDIR", 31)]
    [InlineData("data_test_files_dicomdirtests_DICOMDIR-bigEnd", 31)]
    [InlineData("data_test_files_dicomdirtests_DICOMDIR-implicit", 31)]
    [InlineData("data_test_files_dicomdirtests_DICOMDIR-reordered", 31)]
    [InlineData("data_test_files_dicomdirtests_DICOMDIR-nooffset", 31)]
    public void Read_CorpusDirectory_GivesPatientsAndFiles(string name, int files)
    {
        var file = DicomFile.Read(CorpusFiles.Bytes(name), new ReadOptions { AllowTruncated = true });
        Assert.True(DicomDir.IsDirectory(file.FileMeta, file.Dataset));
        var directory = DicomDir.Read(file.Dataset);
        Assert.Equal(2, directory.Roots.Count);
        Assert.All(directory.Roots, r => Assert.Equal("PATIENT", r.Type));
        Assert.Equal(files, directory.Files.Count());
        Assert.Equal(files, Leaves(directory.Roots));
        Assert.Contains(directory.Files, f => f.Path == "77654033/CR1/6154");
        Assert.All(directory.Files, f => Assert.NotNull(f.SopInstanceUid));
    }

    [Fact]
    public void Read_OffsetsInACircle_Ends()
    {
        var record = new DicomDataset().Set(DicomTags.DirectoryRecordType, "PATIENT").Set(DicomTags.OffsetOfTheNextDirectoryRecord, 0).Set(DicomTags.OffsetOfReferencedLowerLevelDirectoryEntity, 0);
        var other = record.Clone();
        var dataset = new DicomDataset().Set(DicomTags.DirectoryRecordSequence, record, other);
        var read = DicomFile.Read(Samples.File(dataset)).Dataset;
        var items = read.GetItems(DicomTags.DirectoryRecordSequence);
        read.Set(DicomTags.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity, items[0].Position);
        items[0].Set(DicomTags.OffsetOfTheNextDirectoryRecord, items[1].Position).Set(DicomTags.OffsetOfReferencedLowerLevelDirectoryEntity, items[0].Position);
        items[1].Set(DicomTags.OffsetOfTheNextDirectoryRecord, items[0].Position).Set(DicomTags.OffsetOfReferencedLowerLevelDirectoryEntity, items[0].Position);
        Assert.Equal(2, DicomDir.Read(read).All.Count);
    }

    private static int Leaves(IReadOnlyList<DirectoryRecord> records) => records.Sum(r => (r.FileId.Count > 0 ? 1 : 0) + Leaves(r.Children));
}
